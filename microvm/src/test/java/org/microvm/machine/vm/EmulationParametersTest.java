package org.microvm.machine.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.microvm.firmware.CommandLine;

class EmulationParametersTest {
  private static String missing(String line) throws Exception {
    return EmulationParameters.missing(CommandLine.of(line));
  }

  @Test
  void missing_fromAnOrdinaryLine_hidesWhatTheEmulatorLacks() throws Exception {
    String added = missing("console=ttyS0 quiet");

    assertTrue(added.startsWith("noxsave clearcpuid=smap,smep,"), added);
    assertTrue(added.contains(" GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,"), added);
    assertTrue(added.contains(" systemd.setenv=GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,"), added);
  }

  @Test
  void missing_parameterOfTheUser_isLeftAsItIs() throws Exception {
    String added = missing("clearcpuid=avx512f noxsave");

    assertFalse(added.contains("clearcpuid"), added);
    assertFalse(added.contains("noxsave"), added);
    assertTrue(added.contains("GLIBC_TUNABLES"), added);
  }

  @Test
  void missing_afterItWasAdded_isNothing() throws Exception {
    String line = CommandLine.of("quiet").append(missing("quiet")).toString();

    assertEquals("", missing(line));
    assertEquals(5, Arrays.stream(line.split(" ")).distinct().count());
  }
}
