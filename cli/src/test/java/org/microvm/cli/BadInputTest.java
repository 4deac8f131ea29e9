package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.GuestImages;
import org.microvm.testing.RequiresKvm;

/** Invalid options and files: each gives a message of one line and a status other than 0. */
@Timeout(60)
class BadInputTest {
  @TempDir private Path directory;
  private final StringWriter err = new StringWriter();

  private int run(String... args) {
    List<String> all = new ArrayList<>(List.of("run", "--no-console"));
    all.addAll(List.of(args));
    return Main.execute(new PrintWriter(err, true), all.toArray(String[]::new));
  }

  private void assertOneLineWith(String expected) {
    String text = err.toString();
    assertEquals(1, text.lines().count(), text);
    assertTrue(text.startsWith("microvm: "), text);
    assertTrue(text.contains(expected), text);
  }

  private static String hello() {
    return Path.of(System.getProperty("microvm.home", ".."), "test-images/target/bare-metal/hello")
        .toString();
  }

  /** Commands that need arguments, and the first one that is missing. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "console|NAME",
        "stop|NAME",
        "snapshot|[NAME] DIRECTORY",
        "migrate|[NAME] unix:PATH",
        "restore|DIRECTORY",
        "agent|a command is missing",
        "agent call|COMMAND",
        "agent cp|FROM",
        "agent exec|-- CMD ...",
        "agent freeze|-- CMD ...",
        "agent ping|which machine?",
        "clipboard|a command is missing",
        "clipboard get|which machine?",
        "ctl|[NAME] COMMAND [JSON]",
        "fence|--channel=GUEST=PATH",
        "port|a command is missing",
        "port add|[MACHINE] NAME",
        "port list|which machine?",
        "port remove|[MACHINE] ID",
        "top|which machine?",
      })
  void commandAlone_saysWhatIsMissing(String command, String missing) {
    assertEquals(2, Main.execute(new PrintWriter(err, true), command.split(" ")));
    assertOneLineWith(missing);
  }

  /** A line break of the input neither ends the message nor makes a second line. */
  @Test
  void lineBreak_isWrittenOut() {
    assertEquals(2, run("--name", "a\nb\u001b"));
    assertOneLineWith("--name: 'a\\nb?' is not");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "serve --max-memory 0|--max-memory must be at least 1M",
        "serve --max-guest-memory 1023K|--max-guest-memory must be at least 1M",
        "serve --stop --replace|--stop cannot be combined with --replace",
        "serve --detach --stop|--stop cannot be combined with --detach",
        "port add web x|Missing required argument",
        "run --kernel /k --restore /s next|unexpected argument 'next': a restored guest",
      })
  void combination_isRefused(String command, String reason) {
    assertEquals(2, Main.execute(new PrintWriter(err, true), command.split(" ")));
    assertOneLineWith(reason);
    assertFalse(err.toString().contains("Error:"), err.toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--memory 0|--memory 0 must be 1M to 1T",
        "--memory 1K|--memory 1K must be 1M to 1T",
        "--memory 100T|--memory 100T must be 1M to 1T",
        "--memory 1025K|--memory 1025K must be 1M to 1T",
        "--chardev null,id=|id='' is not an id",
        "--chardev null,id=1|id='1' is not an id",
        "--device virtserialport,id=a/b|id='a/b' is not an id",
        "--qmp unix:q,server=on,wait=off --qmp unix:./q,server=on|--qmp unix:./q is given twice",
      })
  void value_isAUsageError(String options, String reason) {
    assertEquals(2, run(("--kernel " + hello() + " " + options).split(" ")));
    assertOneLineWith(reason);
  }

  @Test
  void snapshotThatIsAFile_isNoDirectory() throws IOException {
    Path file = Files.createFile(directory.resolve("junk"));

    assertEquals(1, Main.execute(new PrintWriter(err, true), "restore", file.toString()));
    assertOneLineWith("snapshot " + file + ": is not a directory");
  }

  @Test
  void imagesThatCannotBeRead_areNotMissing() throws IOException {
    Files.createSymbolicLink(directory.resolve("vmlinux"), Path.of("vmlinux"));
    String before = System.setProperty(GuestImages.PROPERTY, directory.toString());
    try {
      assertEquals(1, run());
      assertOneLineWith("vmlinux: Too many levels of symbolic links");
    } finally {
      if (before == null) {
        System.clearProperty(GuestImages.PROPERTY);
      } else {
        System.setProperty(GuestImages.PROPERTY, before);
      }
    }
  }

  /** Files that cannot be looked at are not reported as missing. */
  @Test
  void linkToItself_isTheReason(@TempDir Path links) throws IOException {
    Path loop = Files.createSymbolicLink(links.resolve("loop"), Path.of("loop"));

    assertEquals(
        1, Main.execute(new PrintWriter(err, true), "port", "list", "--qmp", loop.toString()));
    assertOneLineWith("--qmp " + loop + ": Too many levels of symbolic links");

    err.getBuffer().setLength(0);
    assertEquals(1, run("--kernel", "/k", "--exit-stats", loop + "/x"));
    assertOneLineWith(loop + ": Too many levels of symbolic links");
  }

  /** An empty word, as of a variable that is not set, is not the working directory. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run --kernel=|--kernel",
        "run --initrd=|--initrd",
        "run --restore=|--restore",
        "run --exit-stats=|--exit-stats",
        "run --tls-creds=|--tls-creds",
        "run --disk=|--disk needs a file",
        "profile --folded=|--folded",
        "restore ''|DIRECTORY",
        "snapshot --qmp /q ''|DIRECTORY",
        "snapshot --qmp /q directory --diff=|--diff",
        "snapshot --qmp= directory|--qmp",
        "ctl --qmp unix: query-status|--qmp",
        "port add --qmp /q name --socket=|--socket",
        "port add --qmp /q name --connect=|--connect",
        "port add --qmp /q name --file=|--file",
        "agent --socket= ping|--socket",
        "agent --socket /a cp '' :/tmp/x|cp",
        "agent --socket /a cp :/tmp/x ''|cp",
        "agent --socket /a cp : x|cp",
        "agent --socket /a cp x :|cp",
        "migrate --qmp /q unix:/m --tls-creds=|--tls-creds",
      })
  void emptyNameOfAFile_isRefused(String command, String where) {
    String[] words =
        Arrays.stream(command.split(" "))
            .map(word -> word.equals("''") ? "" : word)
            .toArray(String[]::new);

    assertEquals(2, Main.execute(new PrintWriter(err, true), words));

    assertOneLineWith(where);
    assertOneLineWith(where.endsWith("file") ? where : "a file name must not be empty");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--memory|0|must be 1M to 1T",
        "--memory|5T|must be 1M to 1T",
        "--memory|12345678901G|is not a size",
        "--memory|lots|is not a size",
        "--cpus|0|0 vCPUs",
        "--cpus|1000000|1000000 vCPUs",
        "--cpus|two|is not a number of vCPUs",
        "--cpus|cpus=5,threads=2|sockets=1,cores=2,threads=2 are 4 vCPUs, not 5",
        "--cpus|4,dies=2|dies=2' is not N, cpus=N, sockets=N, cores=N or threads=N",
        "--kernel|/proc/self/missing/vmlinux|/proc/self/missing/vmlinux",
        "--kernel|/dev/null|/dev/null",
        "--kernel|/etc/passwd|/etc/passwd",
        "--initrd|/proc/self/missing/initrd|/proc/self/missing/initrd",
        "--disk|/proc/self/missing/disk|/proc/self/missing/disk",
        "--disk|/etc/passwd,readonly=perhaps|readonly=perhaps",
        "--disk|/etc/passwd,format=qcow2|format=qcow2 is not supported: convert the image",
        "--disk|/etc|/etc is a directory; a disk is a file or a block device",
        "--disk|/dev/null|/dev/null is a character device; a disk is a file or a block device",
        "--on-panic|never|--on-panic: 'never' is not exit, restart or pause",
        "--timeout|0|--timeout: '0' is not a number of seconds from 1 to 999999999",
        "--on-halt|never|--on-halt: 'never' is not exit or ignore",
        "--reset-limit|-1|--reset-limit: '-1' is not a number from 0 to 999999",
        "--on-reset|sometimes|--on-reset: 'sometimes' is not exit or restart",
        "--chardev|pigeon,id=a|--chardev unknown chardev type \"pigeon\"; supported types: socket",
        "--chardev|file,id=a,path=|path= has no value",
        "--chardev|null,id=a|--chardev id=a is used by no --device",
        "--registers|some|--registers: 'some' is not mapped or exits",
        "--acpi|maybe|--acpi: 'maybe' is not on or off",
        "--host-parameters|on|--host-parameters: 'on' is not auto or off",
        "--track-dirty-pages|maybe|--track-dirty-pages: 'maybe' is not on or off",
        "--chardev|socket,path=/tmp/x|needs id=",
        "--device|virtserialport,chardev=nobody|there is no chardev nobody",
        "--device|floppy|there is no device \"floppy\"",
        "--qmp|tcp:localhost:4444,server=on|is not unix:PATH",
        "--qmp|unix:/tmp/q.sock|needs server=on",
        "--qmp|unix:/tmp/q.sock,server=on,colour=red|unknown option colour=",
        "--qmp|unix:/proc/self/missing/q.sock,server=on|/proc/self/missing/q.sock",
        "--qmp|unix:/tmp/q.sock,server=on,readonly=perhaps|readonly=perhaps",
        "--qmp|unix:/tmp/q.sock,server=on,mode=0600,allow-uid=1|have no effect with mode=0600",
        "--incoming|unix:/tmp/in.sock,allow-gid=wheel|allow-gid=wheel is not a number",
        "--tls-authz|CN=x|--tls-authz requires --incoming and --tls-creds",
        "--sandbox|maybe|--sandbox: 'maybe' is not on, off or strict",
        "--sandbox-port|70000|--sandbox-port: '70000' is not a port from 0 to 65535",
        "--sandbox-port|4444|--sandbox-port requires --sandbox strict",
        "--frobnicate|now|--frobnicate",
      })
  @RequiresKvm
  void run_badValue_isNamed(String option, String value, String expected) {
    int status =
        option.equals("--kernel") ? run(option, value) : run("--kernel", hello(), option, value);

    assertNotEquals(0, status);
    assertOneLineWith(expected);
  }

  @Test
  void run_directoryOfNoSandbox_isRefused() {
    assertEquals(
        2, run("--kernel", "/k", "--sandbox", "off", "--sandbox-dir", directory.toString()));
    assertOneLineWith("--sandbox-dir cannot be combined with --sandbox off");
  }

  @Test
  @RequiresKvm
  void run_dashesWithoutACommand_areRefused() {
    assertEquals(Main.USAGE, run("--timeout", "1", "--"));
    assertOneLineWith("run: a command is missing after --");
  }

  @Test
  @RequiresKvm
  void profile_ofAGuest_hasNothingToComplainAbout() {
    Main.execute(new PrintWriter(err, true), "profile", "--no-console", "--kernel", hello());

    assertEquals("", err.toString());
  }

  @Test
  @RequiresKvm
  void run_wordWithoutDashes_isNoCommandOfTheGuest() {
    assertEquals(Main.USAGE, run("--timeout", "1", "web"));
    assertOneLineWith("run: unexpected argument 'web'; `microvm run -- web` runs a command");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ctl --qmp /tmp query-status",
        "top --qmp /tmp",
        "snapshot --qmp /tmp directory",
        "port list --qmp /tmp",
        "agent --socket /tmp ping",
        "clipboard get --socket /tmp",
        "clipboard set --socket /tmp",
      })
  void directoryForASocket_isNamed(String command) {
    assertEquals(Main.FAILED, Main.execute(new PrintWriter(err, true), command.split(" ")));
    assertOneLineWith(" /tmp: is not a socket");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "run|--exit-stats|/proc/self/missing/a/x|/proc/self/missing/a does not exist",
        "run|--exit-stats|/tmp|/tmp: is a directory",
        "run|--exit-stats|/etc/passwd/x|/etc/passwd is not a directory",
        "profile|--exit-stats|/proc/self/missing/a/x|/proc/self/missing/a does not exist",
        "profile|--folded|/proc/self/missing/a/x|/proc/self/missing/a does not exist",
        "profile|--folded|/tmp|/tmp: is a directory",
        "profile|--symbols|/proc/self/missing/a|/proc/self/missing/a: no such file or directory",
        "profile|--symbols|/tmp|/tmp: Is a directory",
        "profile|--symbols|/etc/passwd|/etc/passwd: neither a System.map nor an ELF file",
      })
  @RequiresKvm
  void fileOfResults_isCheckedBeforeTheMachineRuns(
      String command, String option, String file, String expected) {
    int status =
        Main.execute(
            new PrintWriter(err, true), command, "--no-console", "--kernel", hello(), option, file);

    assertEquals(Main.FAILED, status);
    assertOneLineWith(option + " " + file + ": ");
    assertOneLineWith(expected);
  }

  @Test
  @RequiresKvm
  void run_kernelCutOff_isNamed() throws IOException {
    byte[] kernel = Files.readAllBytes(Path.of(hello()));
    Path file = directory.resolve("kernel");
    Files.write(file, Arrays.copyOf(kernel, kernel.length / 2));

    assertNotEquals(0, run("--kernel", file.toString()));
    assertOneLineWith(file.toString());
  }

  @Test
  @RequiresKvm
  void run_initrdLargerThanMemory_saysWhatFits() throws IOException {
    Path file = directory.resolve("initrd");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(64 << 20);
    }

    assertNotEquals(0, run("--kernel", hello(), "--memory", "32M", "--initrd", file.toString()));
    assertOneLineWith("does not fit");
  }

  @Test
  @RequiresKvm
  void run_commandLineTooLong_saysTheLimit() {
    assertNotEquals(0, run("--kernel", hello(), "--append", "x".repeat(100_000)));
    assertOneLineWith("takes at most");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "pigeon,id=a|unknown chardev type \"pigeon\"",
        "socket,id=a,path=/tmp/x,colour=red|unknown option colour=",
        "socket,id=a|needs path=",
      })
  @RequiresKvm
  void run_badChardev_isNamed(String chardev, String expected) {
    assertEquals(Main.USAGE, runWithChannels(chardev, "name=a"));
    assertOneLineWith(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "byte_limit=lots|byte_limit=lots is not a number",
        "byte_limit=2147483647|byte_limit=2147483647 is out of range; accepted are 0 to 67108864",
        "guest_byte_limit=-1|guest_byte_limit=-1 is not a number",
        "cache_buffers=maybe|cache_buffers=maybe is neither on nor off",
        "nr=0|nr=0: port 0 is reserved for a console",
        "nr=8|nr=8: the device has ports 0 to 7; raise max_ports",
        "name=a/b|port name \"a/b\"",
        "bps=fast|bps=fast is not a number",
        "ops=1.5|ops=1.5 is not a number",
        "guest_close=maybe|guest_close=maybe is neither hold nor disconnect",
        "guest_close=disconnect|null has no client that could be disconnected",
        "speed=9600|unknown option speed=",
      })
  @RequiresKvm
  void run_badPort_isNamed(String port, String expected) {
    assertEquals(Main.USAGE, runWithChannels("null,id=a", port));
    assertOneLineWith(expected);
  }

  @Test
  @RequiresKvm
  void run_socketPathTooLong_isNamed() {
    String path = "/tmp/" + "x".repeat(200);

    assertNotEquals(0, runWithChannels("socket,id=a,server=on,wait=off,path=" + path, "name=a"));
    assertOneLineWith("long");
  }

  @Test
  @RequiresKvm
  void run_twoPortsOfOneName_isNamedAndNoSocketStaysBehind() {
    assertEquals(Main.USAGE, runWithTwoPorts("name=same"));
    assertOneLineWith("same");
    assertFalse(Files.exists(directory.resolve("a")));
    assertFalse(Files.exists(directory.resolve("b")));
  }

  @Test
  @RequiresKvm
  void run_twoPortsOfOneNumber_isNamed() {
    assertEquals(Main.USAGE, runWithTwoPorts("nr=3"));
    assertOneLineWith("3");
  }

  /** A process that waits for a guest finds them before it listens. */
  @Test
  @RequiresKvm
  void incoming_wrongPort_isAUsageError() {
    Path socket = directory.resolve("incoming");

    int status =
        run(
            "--kernel",
            hello(),
            "--chardev",
            "null,id=a",
            "--device",
            "virtserialport,chardev=a,nr=0",
            "--incoming",
            "unix:" + socket);

    assertEquals(Main.USAGE, status);
    assertOneLineWith("nr=0: port 0 is reserved for a console");
    assertFalse(Files.exists(socket));
  }

  private int runWithChannels(String chardev, String port) {
    return run(
        "--kernel", hello(), "--chardev", chardev, "--device", "virtserialport,chardev=a," + port);
  }

  /** Runs a machine with the ports a and b, which have the same name or number. */
  private int runWithTwoPorts(String property) {
    return run(
        "--kernel",
        hello(),
        "--chardev",
        "socket,id=a,server=on,wait=off,path=" + directory.resolve("a"),
        "--chardev",
        "socket,id=b,server=on,wait=off,path=" + directory.resolve("b"),
        "--device",
        "virtserialport,chardev=a," + property,
        "--device",
        "virtserialport,chardev=b," + property);
  }

  @Test
  void noCommand_showsUsageAndFails() {
    assertEquals(Main.USAGE, Main.execute(new PrintWriter(err, true)));
  }
}
