package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.testing.RequiresKvm;

/** A Linux guest that writes to its disk while it is migrated from machine to machine. */
@RequiresKvm
@Tag("linux")
@Timeout(300)
class LinuxDiskMigrationTest {
  private static final int MOVES = 4;
  private static final Pattern SUM = Pattern.compile("sum ([0-9a-f]{32})");

  @TempDir private Path directory;

  private MachineConfig config(ConsoleText console) throws Exception {
    return MachineConfig.builder(TestImages.kernel())
        .commandLine(Files.readString(TestImages.commandLine()).strip())
        .disk(new DiskConfig(TestImages.disk(), true))
        .disk(new DiskConfig(directory.resolve("disk"), false))
        .memory(128 << 20)
        .console(console)
        .build();
  }

  private static void type(Machine machine, String line) throws InterruptedException {
    for (byte key : (line + "\n").getBytes()) {
      machine.type(key);
    }
  }

  private Machine move(Machine from, ConsoleText console, MigrationMemory memory) throws Exception {
    try (IncomingMigration incoming = IncomingMigration.listen(directory.resolve("incoming"))) {
      MachineConfig next = config(console);
      CompletableFuture<Machine> arrived = new CompletableFuture<>();
      Thread.ofPlatform()
          .start(
              () -> {
                try {
                  arrived.complete(incoming.receive(next));
                } catch (MachineException e) {
                  arrived.completeExceptionally(e);
                }
              });
      Migration migration =
          from.migrate(
              new MigrationAddress.Unix(directory.resolve("incoming")),
              new MigrationLimits(Duration.ofSeconds(1), 100),
              memory);
      MigrationProgress end = migration.result().get(60, TimeUnit.SECONDS);
      assertEquals(MigrationProgress.Status.COMPLETED, end.status(), migration.failure());
      from.close();
      return arrived.get(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void diskWrittenThroughMigrations_isWhatTheGuestReads() throws Exception {
    Files.write(directory.resolve("disk"), new byte[1 << 20]);
    ConsoleText console = new ConsoleText();
    Machine machine = Machine.create(config(console));
    try {
      machine.start();
      console.await("GUEST READY", 180);
      // Writes 256 KiB at changing offsets until /tmp/stop exists, then prints the checksum and the
      // number of rounds.
      type(
          machine,
          "(i=0; while ! [ -e /tmp/stop ]; do i=$((i + 1)); dd if=/bin/busybox of=/dev/vdb bs=4k"
              + " count=64 seek=$((i * 7 % 192)) conv=fsync 2>/dev/null; done; sync;"
              + " echo 3 > /proc/sys/vm/drop_caches; echo sum $(md5sum < /dev/vdb);"
              + " echo rounds-$i fin-$?) &");
      for (int i = 0; i < MOVES; i++) {
        console = new ConsoleText();
        machine = move(machine, console, i % 2 == 0 ? MigrationMemory.SHARE : MigrationMemory.COPY);
      }
      type(machine, "touch /tmp/stop");
      console.await("fin-0", 60);

      Matcher sum = SUM.matcher(console.toString());
      assertTrue(sum.find(), console.toString());
      byte[] image = Files.readAllBytes(directory.resolve("disk"));
      byte[] digest = MessageDigest.getInstance("MD5").digest(image);
      assertEquals(HexFormat.of().formatHex(digest), sum.group(1));
      assertFalse(console.toString().contains("rounds-0 "), console.toString());
    } finally {
      machine.close();
    }
  }
}
