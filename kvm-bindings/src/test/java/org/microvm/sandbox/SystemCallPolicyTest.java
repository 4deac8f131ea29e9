package org.microvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.microvm.testing.CProgram;
import org.microvm.testing.RequiresGcc;

class SystemCallPolicyTest {
  private static final SystemCallPolicy POLICY = SystemCallPolicy.of(SandboxMode.ON, 1, true);

  @Test
  @RequiresGcc
  void numbers_areThoseOfTheHeader() throws Exception {
    Map<String, Long> ours = new TreeMap<>();
    POLICY.calls().forEach(call -> ours.put("SYS_" + call.name(), (long) call.number()));

    assertEquals(
        CProgram.evaluate(List.of("sys/syscall.h"), ours.keySet()).toString(), ours.toString());
  }

  @Test
  void table_isThatOfTheDocumentation() throws IOException {
    Map<String, String> documented = new TreeMap<>();
    Matcher row =
        Pattern.compile("^\\| (\\w+) \\| ((?:`\\w+`(?:, )?)+) \\|", Pattern.MULTILINE)
            .matcher(Files.readString(Path.of("..", "docs", "sandbox.md")));
    while (row.find()) {
      String names = row.group(2).replace("`", "");
      documented.put(row.group(1), String.join(", ", new TreeSet<>(List.of(names.split(", ")))));
    }
    Map<String, TreeSet<String>> groups = new TreeMap<>();
    POLICY
        .calls()
        .forEach(
            call -> groups.computeIfAbsent(call.group(), g -> new TreeSet<>()).add(call.name()));
    Map<String, String> ours = new TreeMap<>();
    groups.forEach((group, names) -> ours.put(group, String.join(", ", names)));

    assertEquals(ours.toString(), documented.toString());
  }

  @Test
  void conditionalGroup_isTheOneWithConditions() {
    for (SystemCall call : POLICY.calls()) {
      assertEquals(
          call.group().equals(SystemCallPolicy.CONDITIONAL), !call.tests().isEmpty(), call.name());
    }
  }
}
