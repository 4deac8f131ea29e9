package org.microvm.firmware.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.microvm.firmware.layout.GuestLayout;

/** Disassembles the tables with Intel's compiler and compiles them again. */
class IaslTest {
  /** The names by which drivers find the generation identifier are not valid identifiers. */
  private static final String NAMES_OF_OTHERS = "6035";

  private static final long BASE = GuestLayout.ACPI_TABLES;

  @TempDir Path directory;

  @BeforeAll
  static void findCompiler() {
    assumeTrue(
        Stream.of(System.getenv("PATH").split(":"))
            .anyMatch(entry -> Files.isExecutable(Path.of(entry, "iasl"))),
        "no iasl: install Debian's acpica-tools");
  }

  static List<byte[]> tables() {
    byte[] memory = AcpiTables.build(TestHardware.withDevices(19), List.of(0, 1, 4), BASE);
    return new AcpiTablesTest.TableWalk(memory, BASE).all();
  }

  @ParameterizedTest
  @MethodSource("tables")
  void disassembledAndCompiled_table_isTheSame(byte[] table) throws Exception {
    byte[] compiled = compile(disassemble(table));

    assertArrayEquals(withoutCompiler(table), withoutCompiler(compiled));
  }

  @Test
  void dsdt_bytes_areThoseOfItsSource() throws Exception {
    byte[] memory = AcpiTables.build(TestHardware.withDevices(1), List.of(0), BASE);
    byte[] dsdt = new AcpiTablesTest.TableWalk(memory, BASE).dsdt().array();
    Path source = directory.resolve("dsdt.asl");
    try (InputStream resource = IaslTest.class.getResourceAsStream("dsdt.asl")) {
      Files.copy(resource, source);
    }

    assertArrayEquals(withoutCompiler(compile(source)), withoutCompiler(dsdt));
  }

  private Path disassemble(byte[] table) throws Exception {
    iasl("-d", Files.write(directory.resolve("table.aml"), table).toString());
    return directory.resolve("table.dsl");
  }

  private byte[] compile(Path source) throws Exception {
    String output =
        iasl(
            "-vw", NAMES_OF_OTHERS, "-p", directory.resolve("again").toString(), source.toString());
    assertTrue(output.contains(" 0 Errors, 0 Warnings"), output);
    return Files.readAllBytes(directory.resolve("again.aml"));
  }

  private String iasl(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("iasl"));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output;
  }

  /** The table without checksum, creator ID and revision, where the compiler puts its own. */
  private static byte[] withoutCompiler(byte[] table) {
    byte[] copy = table.clone();
    copy[9] = 0;
    Arrays.fill(copy, 28, 36, (byte) 0);
    return copy;
  }
}
