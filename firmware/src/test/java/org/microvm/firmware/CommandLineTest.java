package org.microvm.firmware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandLineTest {
  @ParameterizedTest
  @CsvSource({
    "'', quiet, quiet",
    "quiet, '', quiet",
    "quiet, ro, quiet ro",
    "' quiet ', ' ro ', quiet ro",
    "quiet -- single, ro, quiet ro -- single",
    "-- single, ro, ro -- single",
    "quiet --, ro, quiet ro --",
    "a--b --c, ro, a--b --c ro",
    "'x=\"a -- b\" y', ro, 'x=\"a -- b\" y ro'",
  })
  void append_words_goBeforeInitsArguments(String text, String words, String line)
      throws Exception {
    assertEquals(line, CommandLine.of(text).append(words).toString());
  }

  @Test
  void virtioMmio_device_isWrittenAsLinuxReadsIt() throws Exception {
    CommandLine line = CommandLine.of("quiet").virtioMmio(0xd0000000L, 4096, 5);

    assertEquals("quiet virtio_mmio.device=4K@0xd0000000:5", line.toString());
  }

  @Test
  void append_original_staysAsItWas() throws Exception {
    CommandLine line = CommandLine.of("quiet");

    line.append("ro");

    assertEquals("quiet", line.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"\0", "\t", "\n", "\r", "\u001b", "\u007f", "\u00e9", "\u4e2d"})
  void of_unprintableOrForeignCharacter_isRefused(String character) {
    var failure = assertThrows(BootException.class, () -> CommandLine.of("a" + character));

    assertEquals(
        "command line: character U+%04X at position 2 is not printable ASCII"
            .formatted((int) character.charAt(0)),
        failure.getMessage());
  }

  @Test
  void append_unprintableCharacter_isRefused() throws Exception {
    CommandLine line = CommandLine.of("quiet");

    assertThrows(BootException.class, () -> line.append("a\nb"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"noxsave", "clearcpuid", "console", "dyndbg"})
  void has_parameterOfTheKernelsPart_isFound(String name) throws Exception {
    CommandLine line = CommandLine.of("noxsave console=ttyS0 dyndbg=\"a b\" clearcpuid=smap -- x");

    assertTrue(line.has(name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"xsave", "noxsav", "noxsave2", "ttyS0", "b", "clearcpuid", "init"})
  void has_otherText_isNotFound(String name) throws Exception {
    CommandLine line =
        CommandLine.of("noxsave console=ttyS0 dyndbg=\"a b\" noclearcpuid=1 -- clearcpuid=2 init");

    assertFalse(line.has(name));
  }
}
