package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;

/** docs/conformance.md names at least one test for each statement; those tests must exist. */
class ConformanceTableTest {
  private static final Pattern TEST = Pattern.compile("`([A-Z]\\w*Test)\\.(\\w+)`");
  private static final List<String> PACKAGES =
      List.of("org.microvm.virtioserial", "org.microvm.devices.virtio");

  @Test
  void table_namesTestsThatExist() throws Exception {
    List<String> missing = new ArrayList<>();
    Matcher matcher = TEST.matcher(document());
    while (matcher.find()) {
      if (!testsOf(matcher.group(1)).contains(matcher.group(2))) {
        missing.add(matcher.group(1) + "." + matcher.group(2));
      }
    }

    assertEquals(List.of(), missing);
  }

  @Test
  void table_everyStatementHasATest() throws Exception {
    List<String> without =
        document()
            .lines()
            .filter(line -> line.startsWith("| ") && !line.startsWith("| ---"))
            .filter(line -> !isHeader(line) && !TEST.matcher(line).find())
            .toList();

    assertEquals(List.of(), without);
  }

  @Test
  void table_coversTheWholeChecklist() throws Exception {
    String document = document();
    List<String> missing =
        IntStream.rangeClosed(1, 27)
            .mapToObj(i -> "C" + i)
            .filter(item -> !document.contains("| " + item + " |"))
            .collect(Collectors.toList());

    assertEquals(List.of(), missing);
    assertTrue(TEST.matcher(document).results().count() > 100);
  }

  private static boolean isHeader(String line) {
    return line.endsWith("| test |");
  }

  private static Set<String> testsOf(String simpleName) {
    Set<String> names = new TreeSet<>();
    for (String candidate : PACKAGES) {
      try {
        Class<?> type = Class.forName(candidate + "." + simpleName);
        collect(type, names);
        Arrays.stream(type.getDeclaredClasses()).forEach(nested -> collect(nested, names));
      } catch (ClassNotFoundException e) {
        // The class is in the other package; if it is in neither, its tests are reported as
        // missing.
      }
    }
    return names;
  }

  private static void collect(Class<?> type, Set<String> names) {
    Arrays.stream(type.getDeclaredMethods())
        .filter(
            method ->
                method.isAnnotationPresent(Test.class)
                    || method.isAnnotationPresent(ParameterizedTest.class))
        .forEach(method -> names.add(method.getName()));
  }

  private static String document() throws Exception {
    return Files.readString(Path.of(System.getProperty("microvm.home"), "docs", "conformance.md"));
  }
}
