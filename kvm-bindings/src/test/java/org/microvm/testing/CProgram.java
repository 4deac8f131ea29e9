package org.microvm.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Evaluates C expressions by compiling and running a small program. */
public final class CProgram {
  private CProgram() {}

  /**
   * Evaluates integer constant expressions.
   *
   * @param headers to include, for example {@code linux/kvm.h}
   * @param expressions C expressions, for example {@code sizeof(struct kvm_regs)}
   * @return the value of each, by expression
   */
  public static Map<String, Long> evaluate(List<String> headers, Iterable<String> expressions)
      throws IOException, InterruptedException {
    StringBuilder source = new StringBuilder("#define _GNU_SOURCE\n#include <stddef.h>\n");
    headers.forEach(header -> source.append("#include <").append(header).append(">\n"));
    source.append("#include <stdio.h>\nint main(void) {\n");
    expressions.forEach(
        expression ->
            source.append(
                "  printf(\"%%lld %%s\\n\", (long long)(%s), \"%s\");\n"
                    .formatted(expression, expression)));
    Map<String, Long> values = new LinkedHashMap<>();
    for (String line : run(source + "  return 0;\n}\n").split("\n")) {
      String[] parts = line.split(" ", 2);
      values.put(parts[1], Long.valueOf(parts[0]));
    }
    return values;
  }

  /** Compiles and runs a program and returns its output. */
  public static String run(String source) throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory("microvm-gcc");
    Path file = Files.writeString(directory.resolve("program.c"), source);
    Path binary = directory.resolve("program");
    try {
      output("gcc", "-w", "-o", binary.toString(), file.toString());
      return output(binary.toString());
    } finally {
      Files.deleteIfExists(binary);
      Files.delete(file);
      Files.delete(directory);
    }
  }

  private static String output(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(30, TimeUnit.SECONDS) || process.exitValue() != 0) {
      throw new IOException(String.join(" ", command) + " failed: " + text);
    }
    return text;
  }
}
