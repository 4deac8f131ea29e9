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

/** Tests that commands are found by their names. */
@Timeout(60)
class MainTest {
  private final StringWriter err = new StringWriter();

  private int execute(String... words) {
    return Main.execute(new PrintWriter(err, true), words);
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
