package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.snapshot.SnapshotBase;
import picocli.CommandLine.Model.OptionSpec;

/** What a snapshot that somebody else has written may make {@code restore} do. */
@Timeout(60)
class ForeignSnapshotTest {
  private static final int MEMORY = 1 << 20;

  @TempDir private Path directory;
  private final StringWriter err = new StringWriter();
  private Path snapshot;

  /** What makes the snapshot a diff, or null. */
  private SnapshotBase diff;

  @BeforeEach
  void makeDirectory() throws Exception {
    snapshot = Files.createDirectory(directory.resolve("snapshot"));
    permissions("rwx------");
  }

  private void permissions(String text) throws Exception {
    Files.setPosixFilePermissions(snapshot, PosixFilePermissions.fromString(text));
  }

  private void write(String... options) throws Exception {
    StateWriter writer = new StateWriter();
    Snapshot.describe(
        MachineConfig.builder(Path.of("none")).memory(MEMORY).build(),
        List.of(options),
        new Snapshot.Identity(new UUID(1, 2), 0),
        writer);
    if (diff != null) {
      diff.write(writer);
    }
    Files.write(snapshot.resolve("state"), writer.toByteArray());
    try (RandomAccessFile memory =
        new RandomAccessFile(snapshot.resolve("memory").toFile(), "rw")) {
      memory.setLength(MEMORY);
    }
  }

  /** Writes a snapshot whose memory file is a link to a file elsewhere. */
  private void writeWithLinkedMemory() throws Exception {
    write("--memory", "1M");
    Path victim = Files.move(snapshot.resolve("memory"), directory.resolve("victim"));
    Files.createSymbolicLink(snapshot.resolve("memory"), victim);
  }

  private int restore(String... more) {
    List<String> args = new ArrayList<>(List.of("restore", snapshot.toString()));
    args.addAll(List.of(more));
    return Main.execute(new PrintWriter(err, true), args.toArray(String[]::new));
  }

  private static String hello() {
    return Path.of(System.getProperty("microvm.home", ".."), "test-images/target/bare-metal/hello")
        .toString();
  }

  private void check(boolean socketsMoved, String... options) {
    RestoredOptions.check(List.of(options), new SnapshotDirectory(snapshot), socketsMoved, true);
  }

  private void assertRefused(String... options) {
    String message = assertThrows(UsageException.class, () -> check(false, options)).getMessage();
    assertTrue(message.contains("--trust-options"), message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"file,id=a,path=%s", "file,id=a,path=%s,append=on"})
  void restore_doesNotWriteToAFileThatTheSnapshotNames(String chardev) throws Exception {
    Path victim = Files.writeString(directory.resolve("victim"), "precious");
    write(
        "--memory",
        "1M",
        "--chardev",
        chardev.formatted(victim),
        "--device",
        "virtserialport,chardev=a,name=a");

    assertEquals(Main.USAGE, restore("--no-console", "--kernel", hello()));

    assertEquals("precious", Files.readString(victim));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains(victim.toString()), err.toString());
  }

  @ParameterizedTest
  @CsvSource({"false, has no seal", "true, was not saved by this user on this host"})
  void refusal_saysWhetherThereIsASeal(boolean sealed, String reason) throws Exception {
    List<String> options = List.of("--chardev", "file,id=a,path=/etc/victim");
    write((sealed ? new SnapshotKey(new byte[16]).seal(options) : options).toArray(String[]::new));

    assertEquals(Main.USAGE, restore("--no-console", "--kernel", hello()));

    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains(reason), err.toString());
  }

  @Test
  void restore_doesNotTakeOptionsThatNoSnapshotHas() throws Exception {
    Path stats = directory.resolve("stats");
    write("--memory", "1M", "--exit-stats", stats.toString());

    assertEquals(Main.USAGE, restore("--no-console", "--kernel", hello()));

    assertFalse(Files.exists(stats));
  }

  @Test
  void restore_memoryThatIsALinkElsewhere_isRefused() throws Exception {
    writeWithLinkedMemory();

    assertEquals(Main.USAGE, restore("--no-console", "--kernel", hello()));

    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains("snapshot/memory is a link"), err.toString());
    assertEquals(Main.FAILED, restore("--no-console", "--kernel", hello(), "--trust-options"));
  }

  @Test
  void restore_baseWhoseMemoryIsALinkElsewhere_isRefused() throws Exception {
    writeWithLinkedMemory();
    int checksum = Snapshot.open(snapshot).identity().checksum();
    Path base = Files.move(snapshot, directory.resolve("base"));
    makeDirectory();
    diff = new SnapshotBase(new UUID(1, 2), checksum, "../" + base.getFileName(), List.of());
    write("--memory", "1M");

    assertEquals(Main.USAGE, restore("--no-console", "--kernel", hello()));

    assertTrue(err.toString().contains("base/memory is a link"), err.toString());
  }

  @Test
  void restore_optionThatIsGivenAgain_isNotRefused() throws Exception {
    write(
        "--memory",
        "1M",
        "--chardev",
        "file,id=a,path=/etc/victim",
        "--device",
        "virtserialport,chardev=a,name=a",
        "--kernel",
        "/etc/kernel");

    // The options are accepted; then there is no state of a vCPU, or no KVM here.
    assertEquals(
        Main.FAILED, restore("--chardev=null,id=a", "--kernel", "/proc/self/missing/kernel"));
    assertFalse(err.toString().contains("--trust-options"), err.toString());
  }

  @Test
  void everyOptionOfAMachine_isJudged() {
    List<String> judged = new ArrayList<>(RestoredOptions.HARMLESS);
    judged.addAll(RestoredOptions.OPENING);
    List<String> all = new MachineOptions().all().stream().map(OptionSpec::longestName).toList();

    assertEquals(new TreeSet<>(all), new TreeSet<>(judged));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--kernel|/boot/vmlinuz",
        "--initrd|/root/.ssh/id_rsa",
        "--disk|/dev/sda",
        "--disk|/etc/shadow,readonly=on",
        "--chardev|file,id=a,path=/root/.bashrc",
        "--chardev|pipe,id=a,path=/tmp/p",
        "--chardev|socket,id=a,path=/run/docker.sock",
        "--chardev|socket,id=a,path=/tmp/s,server=on,wait=off",
        "--chardev|socket,id=a,port=5432",
        "--chardev|socket,id=a,port=5432,server=on",
        "--qmp|unix:/tmp/q,server=on",
        "--incoming|tcp::1",
        "--exit-stats|/root/.bashrc",
        "--restore|/tmp",
        "-m|16M",
        "--|sh",
      })
  void optionThatOpensSomethingElsewhere_isRefused(String option, String value) {
    assertRefused("--memory", "16M", option, value);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null,id=a",
        "pty,id=a",
        "stdio,id=a",
        "channel,id=a",
        "file,id=a,path=%s/out",
        "pipe,id=a,path=%s/pipe",
        "socket,id=a,path=%s/s,server=on,wait=off"
      })
  void chardevThatOpensNothingElsewhere_isAccepted(String chardev) {
    assertDoesNotThrow(() -> check(false, "--chardev", chardev.formatted(snapshot)));
  }

  @Test
  void diskInTheDirectory_isAccepted() throws Exception {
    Path disk = Files.createFile(snapshot.resolve("disk.img"));

    assertDoesNotThrow(() -> check(false, "--disk", disk + ",readonly=on"));
    assertDoesNotThrow(() -> check(false, "--kernel", snapshot + "/vmlinux"));
  }

  @Test
  void pathThatOnlySeemsToBeInTheDirectory_isRefused() throws Exception {
    Files.createDirectory(snapshot.resolve("deep"));
    Files.createSymbolicLink(snapshot.resolve("link"), Path.of("/etc/shadow"));
    Files.createSymbolicLink(snapshot.resolve("etc"), Path.of("/etc"));

    for (String name :
        List.of("../victim", "link", "etc/shadow", "deep/x", "memory", "state", "no/x")) {
      assertRefused("--disk", snapshot.resolve(name).toString());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwxrwx---", "rwx----w-"})
  void directoryThatOthersCanChange_isNotTrusted(String permissions) throws Exception {
    permissions(permissions);

    assertRefused("--disk", snapshot.resolve("disk").toString());
  }

  @Test
  void socketsThatAreMoved_areAcceptedIfTheyAreServers() {
    assertDoesNotThrow(
        () -> check(true, "--chardev", "socket,id=a,path=/run/s,server=on,wait=off"));
    assertThrows(
        UsageException.class, () -> check(true, "--chardev", "socket,id=a,path=/run/docker.sock"));
    assertThrows(
        UsageException.class, () -> check(true, "--chardev", "socket,id=a,port=1,server=on"));
  }

  @Test
  void valueThatIsMissing_isRefused() {
    assertThrows(UsageException.class, () -> check(false, "--memory"));
  }

  @Test
  void optionsThatAreGivenAgain_takeThePlaceOfTheSavedOnes() {
    List<String> saved =
        List.of(
            "--append",
            "quiet",
            "--chardev",
            "null,id=a",
            "--chardev",
            "null,id=b",
            "--disk",
            "x",
            "--disk",
            "y",
            "--memory",
            "1M",
            "--device",
            "virtconsole,chardev=a");

    assertEquals(
        List.of("--append", "quiet", "--chardev", "null,id=b", "--device", "virtconsole,chardev=a"),
        RestoredOptions.without(
            saved,
            List.of(
                "--no-console", "-chardev", "pty,id=a", "--disk=z", "-m", "1M", "--append", "x")));
    assertEquals(saved, RestoredOptions.without(saved, List.of("--no-console")));
    assertEquals(saved, RestoredOptions.without(saved, List.of()));
  }
}
