package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.MachineEnd;
import org.microvm.testing.RequiresKvm;

/** The guide to embedding shows code that is compiled and run. */
@Timeout(300)
class EmbeddingGuideTest {
  private static final String SOURCE =
      "examples/src/main/java/org/microvm/examples/EmbeddedMachine.java";

  private static String read(String file) throws Exception {
    return Files.readString(Project.home().resolve(Path.of(file)));
  }

  /** Returns the lines of a region, without their indentation, which the last marker has too. */
  private static String region(String name) throws Exception {
    Pattern marked = Pattern.compile("(?s)@start region=\"" + name + "\"\n(.*?)// @end");
    return marked
        .matcher(read(SOURCE))
        .results()
        .map(match -> match.group(1).stripIndent().strip())
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @ValueSource(strings = {"config", "life", "pause", "hotplug", "listeners"})
  void guide_showsTheRegion(String name) throws Exception {
    String block = "```java\n" + region(name) + "\n```";

    assertTrue(read("docs/embedding.md").contains(block), block);
  }

  @Test
  @RequiresKvm
  @Tag("linux")
  void example_runsToItsEnd() throws Exception {
    MachineEnd end = EmbeddedMachine.run(new PrintStream(System.out, true));

    assertEquals(new MachineEnd.Stopped(), end);
  }
}
