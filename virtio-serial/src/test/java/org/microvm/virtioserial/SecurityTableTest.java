package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** SECURITY.md names tests for vulnerabilities that others had; those tests must exist. */
class SecurityTableTest {
  private static final Path ROOT = Path.of(System.getProperty("microvm.home", ".."));
  private static final Pattern TEST = Pattern.compile("`([A-Z]\\w*Test)\\.(\\w+)`");

  private static Map<String, String> sources() throws IOException {
    Map<String, String> sources = new TreeMap<>();
    for (String module : List.of("devices", "virtio-serial")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src/test/java"))) {
        files
            .filter(file -> file.toString().endsWith("Test.java"))
            .forEach(file -> sources.put(name(file), text(file)));
      }
    }
    return sources;
  }

  private static String name(Path file) {
    return file.getFileName().toString().replace(".java", "");
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void table_namesTestsThatExist() throws Exception {
    Map<String, String> sources = sources();
    List<String> missing = new ArrayList<>();
    Matcher matcher = TEST.matcher(Files.readString(ROOT.resolve("SECURITY.md")));
    int named = 0;
    for (; matcher.find(); named++) {
      if (!sources.getOrDefault(matcher.group(1), "").contains(" void " + matcher.group(2) + "(")) {
        missing.add(matcher.group());
      }
    }

    assertEquals(List.of(), missing);
    assertTrue(named > 0);
  }

  @Test
  void table_everyVulnerabilityHasATest() throws Exception {
    List<String> without =
        Files.readString(ROOT.resolve("SECURITY.md"))
            .lines()
            .filter(line -> line.startsWith("| CVE-") && !TEST.matcher(line).find())
            .toList();

    assertEquals(List.of(), without);
  }
}
