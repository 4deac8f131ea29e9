package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.agent.FakeAgent;

/** Bytes of arguments, in every locale. */
@Timeout(60)
class CommandLineBytesTest {
  private static final Map<String, String> ANSWERS =
      Map.of(
          "guest-get-host-name", "{\"host-name\": \"grüß\"}",
          "guest-file-open", "1",
          "guest-file-write", "{\"count\": 4, \"eof\": false}",
          "guest-file-close", "{}");

  @TempDir private Path directory;

  private record Outcome(int status, String output, String errors) {}

  /** Runs the program by a shell, which passes bytes that this JVM could not. */
  private Outcome run(String locale, String script, Object... values) throws Exception {
    Path output = directory.resolve("output");
    Path errors = directory.resolve("errors");
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    ProcessBuilder builder =
        new ProcessBuilder("sh", "-c", script.formatted(values))
            .redirectInput(new File("/dev/null"))
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.equals("LANG"));
    if (!locale.isEmpty()) {
      builder.environment().put("LC_ALL", locale);
    }
    builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
    builder
        .environment()
        .put("MICROVM", java + " --enable-native-access=ALL-UNNAMED org.microvm.cli.Main");
    Process process = builder.start();
    assertTrue(process.waitFor(30, TimeUnit.SECONDS), "the process did not end");
    return new Outcome(process.exitValue(), Files.readString(output), Files.readString(errors));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "C", "POSIX", "C.UTF-8"})
  void words_arriveInTheGuest_inEveryLocale(String locale) throws Exception {
    try (FakeAgent agent = FakeAgent.answering(ANSWERS)) {
      run(
          locale,
          "$MICROVM agent --socket %s call guest-get-host-name '{\"a\":\"grüß\"}'",
          agent.socket());

      assertEquals("grüß", agent.requests().getFirst().at("/arguments/a").asText());
    }
  }

  @Test
  void otherBytesThanUtf8_areRefusedInNamesOfFiles() throws Exception {
    Outcome outcome = run("C.UTF-8", "$MICROVM run --kernel \"$(printf 'k\\377')\"");

    assertEquals(2, outcome.status());
    assertEquals(
        "microvm: Invalid value for option '--kernel': 'k\\xff' is not UTF-8, which names of files"
            + " must be\n",
        outcome.errors());
  }

  @Test
  void otherBytesThanUtf8_areRefusedInValues() throws Exception {
    Outcome outcome = run("C", "$MICROVM run --disk \"$(printf 'd\\344nk.img')\"");

    assertEquals(2, outcome.status());
    assertEquals(
        "microvm: --disk: 'd\\xe4nk.img' is not UTF-8; only arguments after -- may contain other"
            + " bytes\n",
        outcome.errors());
  }

  @Test
  void lastArguments_areTakenWithAllBytes() {
    byte[] line = "java\0-cp\0x\0Main\0a\0\0\u00ff\0".getBytes(StandardCharsets.ISO_8859_1);

    assertArrayEquals(
        new String[] {"a", "", "\udcff"},
        CommandLineBytes.last(new String[] {"a", "", "\ufffd"}, line));
  }

  @Test
  void text_standsForAnyBytes() {
    byte[] bytes = new byte[10_000];
    RandomGenerator.of("L64X128MixRandom").nextBytes(bytes);

    assertArrayEquals(bytes, ByteText.bytes(ByteText.of(bytes)));
    assertEquals(
        "a\\xffä", ByteText.shown(ByteText.of(new byte[] {'a', -1, (byte) 0xc3, (byte) 0xa4})));
    assertEquals("grüß", ByteText.of("grüß".getBytes(StandardCharsets.UTF_8)));
  }

  /** The launcher with a Java runtime that prints its locale and its arguments. */
  private String launched(Map<String, String> environment, String... args) throws Exception {
    Path launcher = directory.resolve("bin/microvm");
    Path java = directory.resolve("runtime/bin/java");
    Files.createDirectories(launcher.getParent());
    Files.createDirectories(java.getParent());
    Files.createDirectories(directory.resolve("app/lib"));
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    Files.copy(home.resolve("bin/microvm"), launcher);
    script(launcher, Files.readString(launcher));
    script(
        java,
        "#!/bin/sh\necho \"$LC_ALL,$MICROVM_LC_ALL\"\nfor last; do :; done; echo \"$last\"\n");
    ProcessBuilder builder = new ProcessBuilder("sh", launcher.toString());
    builder.command().addAll(List.of(args));
    builder.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.equals("LANG"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  private static void script(Path path, String text) throws IOException {
    Files.writeString(path, text);
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"C", "POSIX", "de_DE.ISO-8859-1", "xx_XX"})
  void launcher_givesTheJvmALocaleWithUtf8(String locale) throws Exception {
    assertEquals(
        "C.UTF-8," + locale + "\n@x\n",
        launched(Map.of("LC_ALL", locale, "LANG", "C"), "run", "@x"));
  }

  @Test
  void launcher_withoutALocale_givesTheJvmOne() throws Exception {
    assertEquals("C.UTF-8,\na b\n", launched(Map.of(), "run", "a b"));
  }

  /** Bytes that the JVM cannot represent in file names became question marks: other names. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "snapshot web a\udcff",
        "migrate web unix:a\udcff",
        "ctl web x-snapshot {\"directory\":\"/a\udcff\"}",
        "port add web a\udcff --pty",
        "port remove web a\udcff",
        "port list a\udcff",
        "top a\udcff"
      })
  void otherBytesThanUtf8_areRefusedInTheWordsOfCommands(String words) {
    StringWriter err = new StringWriter();

    assertEquals(Main.USAGE, Main.execute(new PrintWriter(err, true), words.split(" ")));

    assertTrue(err.toString().contains("a\\xff"), err.toString());
    assertTrue(err.toString().contains("is not UTF-8; only arguments after --"), err.toString());
  }

  @Test
  void refusal_namesTheOption() {
    StringWriter err = new StringWriter();

    assertEquals(
        Main.USAGE, Main.execute(new PrintWriter(err, true), "run", "--append", "a\udcff"));
    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(
        err.toString().startsWith("microvm: --append: 'a\\xff' is not UTF-8"), err.toString());
  }
}
