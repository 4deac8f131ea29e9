package org.microvm.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.machine.config.GuestSample;

@Timeout(60)
class ProfileTest {
  private static final String MAP =
      """
      0000000000000000 A per_cpu
      ffffffff81000000 T startup
      ffffffff81000100 t helper
      ffffffff81000200 D some_data
      ffffffff81000300 T sleep
      """;

  @TempDir private Path directory;

  private SymbolTable map() throws IOException {
    return SymbolTable.read(Files.writeString(directory.resolve("System.map"), MAP));
  }

  private static GuestSample sample(int level, long... addresses) {
    return new GuestSample(0, level, addresses);
  }

  @Test
  void find_addressWithinASymbol_isNamedByIt() throws IOException {
    assertEquals(Optional.of("helper"), map().find(0xffffffff81000123L));
  }

  @Test
  void find_dataSymbols_nameNoCode() throws IOException {
    assertEquals(Optional.of("helper"), map().find(0xffffffff81000210L));
    assertEquals(3, map().size());
  }

  @Test
  void find_belowAndFarAboveAllSymbols_isNothing() throws IOException {
    assertEquals(Optional.empty(), map().find(0x1000));
    assertEquals(Optional.empty(), map().find(-1));
  }

  @Test
  void read_somethingElse_isRefused() throws IOException {
    Path file = Files.writeString(directory.resolve("text"), "once upon a time\n");

    assertThrows(IOException.class, () -> SymbolTable.read(file));
  }

  @Test
  void read_damagedElf_isRefused() throws IOException {
    Path file = Files.write(directory.resolve("elf"), new byte[] {0x7f, 'E', 'L', 'F', 2});

    assertThrows(IOException.class, () -> SymbolTable.read(file));
  }

  @Test
  void foldedStacks_startAtTheOutermostFrame() throws IOException {
    Profile profile = new Profile(map());
    profile.add(sample(0, 0xffffffff81000301L, 0xffffffff81000110L, 0xffffffff81000010L));
    profile.add(sample(0, 0xffffffff81000301L, 0xffffffff81000110L, 0xffffffff81000010L));

    assertEquals("cpl0;startup;helper;sleep 2\n", profile.foldedStacks());
  }

  @Test
  void foldedStacks_returnAddressOfNoSymbol_endsTheStack() throws IOException {
    Profile profile = new Profile(map());
    profile.add(sample(0, 0xffffffff81000301L, 0x1234, 0xffffffff81000010L));

    assertEquals("cpl0;sleep 1\n", profile.foldedStacks());
  }

  @Test
  void flatTable_isSortedAndTellsOfPrograms() throws IOException {
    Profile profile = new Profile(map());
    profile.add(sample(3, 0x400000));
    profile.add(sample(0, 0xffffffff81000301L));
    profile.add(sample(0, 0xffffffff81000302L));

    String[] lines = profile.flatTable().split("\n");
    assertTrue(lines[0].contains("3 samples, 66.7 %"), lines[0]);
    assertTrue(lines[1].endsWith("cpl0 sleep"), lines[1]);
    assertTrue(lines[2].endsWith("cpl3 [program]"), lines[2]);
  }

  @Test
  void rows_haveAllSymbolsTheMostFrequentFirst() throws IOException {
    Profile profile = new Profile(map());
    profile.add(sample(3, 0x400000));
    profile.add(sample(0, 0xffffffff81000301L));
    profile.add(sample(0, 0xffffffff81000302L));

    assertEquals(
        List.of(new Profile.Row(0, "sleep", 2), new Profile.Row(3, "[program]", 1)),
        profile.rows());
    assertEquals(2, profile.kernelSamples());
  }
}
