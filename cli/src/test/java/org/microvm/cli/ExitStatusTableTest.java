package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.qmp.QmpClient;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/**
 * Walks the table of docs/exit-status.md: each end that a bare-metal guest can have, its exit
 * status and its events on the control socket. A row is named by how its first cell begins.
 */
@RequiresKvm
@Timeout(120)
class ExitStatusTableTest {
  private static final Path HOME = Path.of(System.getProperty("microvm.home", ".."));
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Pattern CODE = Pattern.compile("`([^`]+)`");

  @TempDir private Path directory;

  /**
   * A row.
   *
   * @param end how the guest ends
   * @param status of the process, or "continues"
   * @param events their names, each with its reason, action or status
   */
  private record Row(String end, String status, List<String> events) {
    static Row of(String line) {
      String[] cells = line.split("\\|");
      List<String> events = CODE.matcher(cells[3]).results().map(match -> match.group(1)).toList();
      return new Row(cells[1].strip(), cells[2].strip(), events);
    }
  }

  private static List<Row> rows() throws IOException {
    return Files.readAllLines(HOME.resolve("docs/exit-status.md")).stream()
        .dropWhile(line -> !line.startsWith("| end |"))
        .skip(2)
        .takeWhile(line -> line.startsWith("|"))
        .map(Row::of)
        .toList();
  }

  private static Row row(String beginning) throws IOException {
    List<Row> all = rows();
    List<Row> found = all.stream().filter(row -> row.end().equals(beginning)).toList();
    if (found.isEmpty()) {
      found = all.stream().filter(row -> row.end().startsWith(beginning)).toList();
    }
    assertEquals(1, found.size(), beginning + ": " + found);
    return found.getFirst();
  }

  private Process start(String... options) throws IOException {
    // A shell starts a background job with SIGINT ignored, and its children inherit that.
    List<String> command = new ArrayList<>(List.of("env", "--default-signal=HUP,INT,TERM"));
    command.addAll(ChildJvm.command(Main.class, "run", "--memory", "16M"));
    command.addAll(List.of("--qmp", "unix:" + control() + ",server=on,wait=off"));
    command.addAll(List.of(options));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("output").toFile())
        .start();
  }

  private Path control() {
    return directory.resolve("qmp");
  }

  private Process startGuest(String guest, String words, String options) throws IOException {
    List<String> all = new ArrayList<>();
    all.add("--kernel");
    all.add(HOME.resolve("test-images/target/bare-metal").resolve(guest).toString());
    all.addAll(List.of("--append", words));
    all.addAll(Arrays.stream(options.split(" ")).filter(word -> !word.isEmpty()).toList());
    return start(all.toArray(new String[0]));
  }

  private QmpClient connect(Process process) throws IOException {
    while (!Listening.at(control())) {
      assertTrue(process.isAlive(), "the process has ended");
      Thread.onSpinWait();
    }
    return QmpClient.connect(control(), LIMIT);
  }

  private static String text(JsonNode event) {
    JsonNode data = event.path("data");
    String detail = data.path("reason").asText(data.path("action").asText());
    return (event.path("event").asText() + " " + detail).strip();
  }

  private String output() throws IOException {
    return Files.readString(directory.resolve("output"));
  }

  /**
   * Sends the guest the byte for which it waits, and compares its events and its end with the row.
   */
  private void check(Row row, Process process, String... commands) throws Exception {
    try (QmpClient qmp = connect(process)) {
      process.outputWriter().append('x').flush();
      for (String event : row.events()) {
        if (event.equals("SHUTDOWN guest-panic") || event.startsWith("SHUTDOWN host")) {
          for (String command : commands) {
            qmp.execute(command);
          }
        }
        assertEquals(event, text(qmp.nextEvent()));
      }
      if (row.status().equals("continues")) {
        assertTrue(process.isAlive(), row.end());
      } else {
        assertTrue(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS), "it did not end");
        assertEquals(row.status(), Integer.toString(process.exitValue()), this::lastOutput);
      }
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private String lastOutput() {
    try {
      return output();
    } catch (IOException e) {
      return e.toString();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "the guest powers off|report=none end=poweroff|''",
        "the guest reboots, `--on-reset exit`|report=none|''",
        "the guest reboots, `--on-reset restart`|report=none|--on-reset restart",
        "the guest panics, `--on-panic exit`|message=1|--on-reset restart",
        "the guest panics without pvpanic|report=none message=1|''",
        "the guest panics, `--on-panic restart`|''|--on-panic restart",
        "the guest panics, `--on-panic pause`|''|--on-panic pause",
        "the guest panics with a crash kernel|report=crash|''",
        "a triple fault, `--on-reset exit`|report=none end=fault|''",
        "a triple fault, `--on-reset restart`|report=none end=fault|--on-reset restart",
        "the guest halts, `--on-halt exit`|report=none end=halt|''",
      })
  void guestsEnd_hasItsStatusAndEvents(String beginning, String words, String options)
      throws Exception {
    check(row(beginning), startGuest("panic", "wait=key " + words, options));
  }

  @Test
  void everyRow_isInTheTableOnce() throws IOException {
    List<String> ends = rows().stream().map(Row::end).toList();

    assertTrue(ends.size() >= 25, ends.toString());
    assertEquals(ends.size(), ends.stream().distinct().count());
  }

  @Test
  void panicPaused_thenQuit_isAPanic() throws Exception {
    Row row = row("the guest panics, `--on-panic pause`, then");

    check(row, startGuest("panic", "wait=key", "--on-panic pause"), "quit");
  }

  @Test
  void quit_endsWithSuccess() throws Exception {
    check(row("`quit`"), startGuest("spin", "", ""), "quit");
  }

  @Test
  void systemReset_bootsAgain() throws Exception {
    Row row = row("`system_reset`");
    Process process = startGuest("spin", "", "");
    try (QmpClient qmp = connect(process)) {
      qmp.execute("system_reset");

      assertEquals(row.events().getFirst(), text(qmp.nextEvent()));
      assertTrue(process.isAlive());
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @ParameterizedTest
  @CsvSource({"SIGHUP, HUP", "SIGINT, INT", "SIGTERM, TERM"})
  void signal_hasTheStatusOfAShell(String beginning, String signal) throws Exception {
    Row row = row(beginning);
    Process process = startGuest("spin", "", "");
    try (QmpClient qmp = connect(process)) {
      new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();

      assertEquals(row.events().getFirst(), text(qmp.nextEvent()));
      assertEquals(row.status(), Integer.toString(process.waitFor()));
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  @Test
  void timeout_endsTheMachine() throws Exception {
    check(row("`--timeout`"), startGuest("spin", "", "--timeout 3"));
    assertTrue(output().contains("did not end within 3 s"), output());
  }

  @Test
  void debugExit_hasTwiceTheValueAndOne() throws Exception {
    Process process = startGuest("hello", "exit=21", "");

    assertEquals(row("the guest writes 21").status(), Integer.toString(process.waitFor()));
  }

  @Test
  void wrongOptions_areAUsageError() throws Exception {
    Process process = start("--on-panic", "never");

    assertEquals(row("wrong options").status(), Integer.toString(process.waitFor()));
  }

  @Test
  void resetLoop_ends() throws Exception {
    Row row = row("a reset loop");
    Process process = startGuest("hello", "end=reset", "--on-reset restart --reset-limit 3");

    assertEquals(row.status(), Integer.toString(process.waitFor()));
    assertTrue(output().contains("reset 3 times in a row"), output());
  }

  @Test
  void haltIgnored_printsALineAndContinues() throws Exception {
    Row row = row("the guest halts, `--on-halt ignore`");
    Process process = startGuest("halt", "", "--on-halt ignore");
    try {
      while (!output().contains("the guest has halted")) {
        assertTrue(process.isAlive(), "it has ended");
        assertFalse(process.waitFor(50, TimeUnit.MILLISECONDS), "it has ended");
      }
      assertEquals("continues", row.status());
    } finally {
      process.destroyForcibly().waitFor();
    }
  }
}
