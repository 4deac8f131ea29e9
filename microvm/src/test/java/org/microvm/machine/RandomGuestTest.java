package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * A guest that accesses its devices at random, beside a guest whose channel is in use: the first
 * one harms only itself.
 *
 * <p>{@code -Dmicrovm.random.seconds} and {@code -Dmicrovm.random.seed} run it longer, or as it ran
 * before. {@code make fuzz-guest} runs the same guest in a separate process, in the sandbox.
 */
@RequiresKvm
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class RandomGuestTest {
  private static final int SECONDS = Integer.getInteger("microvm.random.seconds", 3);
  private static final long SEED = Long.getLong("microvm.random.seed", System.nanoTime() >>> 8);
  private static final int PORTS = 4;
  private static final int DISK_BYTES = 1 << 20;

  @TempDir private Path directory;

  @Test
  void randomGuest_continues_andItsNeighboursChannelIsIntact() throws Exception {
    try (Machine hostile = Machine.create(hostile());
        EchoHost neighbour = new EchoHost(directory.resolve("neighbour"), "wait=halt", true)) {
      hostile.start();
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
      for (long message = 0; System.nanoTime() < end; message++) {
        neighbour.roundTrip(message);
        assertFalse(hostile.end().isDone(), () -> repeat("it ended: " + hostile.end().join()));
      }
      long exits = hostile.statistics().vcpus().getFirst().exits();
      assertTrue(exits > 1000, () -> repeat("the guest made only " + exits + " exits"));
    }
  }

  private MachineConfig hostile() throws IOException {
    Path disk = Files.write(directory.resolve("disk"), new byte[DISK_BYTES]);
    MachineConfig.Builder builder =
        MachineConfig.builder(TestImages.bareMetal("random"))
            .memory(16 << 20)
            .commandLine("seed=" + SEED)
            .console(OutputStream.nullOutputStream())
            .disk(new DiskConfig(disk, false));
    for (int nr = 1; nr < PORTS; nr++) {
      builder.channel(new ChannelConfig(PortConfig.named("null" + nr), loop -> NullBackend.open()));
    }
    Path socket = directory.resolve("hostile");
    builder.channel(
        new ChannelConfig(
            PortConfig.named("socket"), loop -> UnixServerBackend.listen(socket, false)));
    return builder.build();
  }

  private static String repeat(String what) {
    return what + "; repeat with -Dmicrovm.random.seed=" + SEED;
  }
}
