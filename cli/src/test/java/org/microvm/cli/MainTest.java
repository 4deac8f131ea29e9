package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Tests that commands are found by their names. */
@Timeout(60)
class MainTest {
  @Command(name = "failing")
  private static final class Failing implements Runnable {
    private final Error error;

    Failing(Error error) {
      this.error = error;
    }

    @Override
    public void run() {
      throw error;
    }
  }

  @Test
  void commandThatEndsByAnError_hasAStatus() {
    StringWriter err = new StringWriter();

    int status =
        Main.execute(
            new CommandLine(new Failing(new OutOfMemoryError("no more threads"))),
            new PrintWriter(err),
            "--");

    assertEquals("microvm: no more threads\n", err.toString());
    assertEquals(Main.FAILED, status);
  }

  private final StringWriter err = new StringWriter();

  private int execute(String... args) {
    return Main.execute(new PrintWriter(err, true), args);
  }

  @Test
  void everyCommandOfTheHelp_isFoundByItsName() {
    assertEquals(Main.USAGE, execute());
    List<String> names =
        Pattern.compile("^  ([a-z]+)  ", Pattern.MULTILINE)
            .matcher(err.toString())
            .results()
            .map((MatchResult line) -> line.group(1))
            .toList();

    assertTrue(names.containsAll(List.of("run", "restore", "migrate", "top")), err.toString());
    names.forEach(name -> assertEquals(0, execute(name, "--help"), name));
  }

  @Test
  void aWordThatIsNoCommand_isRefused() {
    assertEquals(Main.USAGE, execute("fly"));
    assertTrue(err.toString().contains("fly"), err.toString());
  }
}
