package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertEquals;

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
}
