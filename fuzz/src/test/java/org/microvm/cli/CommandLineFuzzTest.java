package org.microvm.cli;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.microvm.machine.migration.MigrationAddress;

/** Values of options on the command line: each is accepted or a usage error. */
class CommandLineFuzzTest {
  private static final List<Consumer<String>> OPTIONS =
      List.of(
          CpuOptions::parse,
          DiskOptions::parse,
          text -> ByteSize.parse("--memory", text, 1),
          TimeLimit::parse,
          text -> MigrationAddress.parse(text, Optional.empty()));

  /** The first byte selects the option. */
  @FuzzTest
  void value_anyText_isAcceptedOrAUsageError(byte[] input) {
    if (input.length < 1) {
      return;
    }
    String text = new String(input, 1, input.length - 1, StandardCharsets.UTF_8);
    try {
      OPTIONS.get((input[0] & 0xff) % OPTIONS.size()).accept(text);
    } catch (UsageException | IllegalArgumentException e) {
      return;
    }
  }
}
