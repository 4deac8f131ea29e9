package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The example in README and Javadoc is the one that is compiled and tested. */
@Timeout(120)
class DocumentationTest {
  private static final Path SOURCES =
      Project.home().resolve("examples/src/main/java/org/microvm/examples");

  @TempDir private Path directory;

  /** Returns the lines between the markers, without their common indentation. */
  private static String example() throws Exception {
    String source = Files.readString(SOURCES.resolve("AgentQuestion.java"));
    String marked = source.replaceAll("(?s).*@start region=\"question\"\n(.*) *// @end.*", "$1");
    return marked.stripIndent().strip();
  }

  @Test
  void readme_showsTheExample() throws Exception {
    String readme = Files.readString(Project.home().resolve("README.md"));

    assertTrue(readme.contains("```java\n" + example() + "\n```"), example());
  }

  @Test
  void example_isShort() throws Exception {
    assertTrue(example().lines().count() < 15, example());
  }

  @Test
  void javadoc_ofChannel_showsTheExample() throws Exception {
    Path channel =
        Project.home()
            .resolve("virtio-serial/src/main/java/org/microvm/virtioserial/channel/Channel.java");

    int status =
        ToolProvider.findFirst("javadoc")
            .orElseThrow()
            .run(
                System.out,
                System.err,
                "-quiet",
                "-Xdoclint:none",
                "--snippet-path",
                SOURCES.toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "-d",
                directory.toString(),
                channel.toString());

    assertEquals(0, status);
    String page =
        Files.readString(directory.resolve("org/microvm/virtioserial/channel/Channel.html"));
    assertTrue(page.contains("channel.guestOpened().join();"));
  }
}
