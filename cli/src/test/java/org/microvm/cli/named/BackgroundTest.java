package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class BackgroundTest {
  private static final String PROPERTY = "-Dmicrovm.background=true";

  @Test
  void property_standsBeforeTheMainClass() {
    assertEquals(
        List.of("java", "-cp", "a:b", PROPERTY, "org.Main", "run", "--name", "org.Main"),
        Background.withProperty(
            List.of("java", "-cp", "a:b", "org.Main", "run", "--name", "org.Main"),
            "org.Main run --name org.Main"));
  }

  @Test
  void property_standsBeforeTheJar() {
    assertEquals(
        List.of("java", PROPERTY, "-jar", "my vm.jar", "run"),
        Background.withProperty(List.of("java", "-jar", "my vm.jar", "run"), "my vm.jar run"));
  }

  /** The JVM writes there that it has too little memory. */
  @Test
  void messageOnStandardOutput_isShown() throws Exception {
    ByteArrayOutputStream err = new ByteArrayOutputStream();

    int status =
        Background.start(
            List.of("sh", "-c", "echo first >&2; echo second; exit 3"), new PrintStream(err));

    assertEquals(3, status);
    assertEquals("first\nsecond\n", err.toString(StandardCharsets.US_ASCII));
  }
}
