package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** The reference of the command line describes the commands as they are. */
class CommandLineReferenceTest {
  private static final Path HOME = Path.of(System.getProperty("microvm.home"));

  private final CommandLineReference reference = new CommandLineReference();

  @Test
  void page_isTheCommittedOne() throws Exception {
    String page = Files.readString(HOME.resolve("docs/command-line.md"));

    assertEquals(reference.page(), page, "docs/command-line.md is out of date: run make docs");
  }

  /** What {@code make docs} runs. */
  @Test
  @EnabledIfSystemProperty(named = "microvm.docs", matches = "write")
  void reference_isWritten() throws Exception {
    reference.write(HOME.resolve("docs/command-line.md"), HOME.resolve("cli/target/man"));
    ShellCompletion.write(HOME.resolve("cli/target/completion"));
  }

  @Test
  void manual_hasAPageForEachCommand() {
    assertTrue(reference.manualNames().contains("microvm-port-add"));
  }

  @Test
  void page_lists_optionsOfAGroup() {
    assertTrue(reference.page().contains("`--connect PATH`"));
  }
}
