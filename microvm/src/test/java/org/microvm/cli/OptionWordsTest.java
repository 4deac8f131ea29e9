package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OptionWordsTest {
  @Test
  void parse_readsDriverAndValues() {
    OptionWords words = OptionWords.parse("--chardev", "socket,id=a,path=/run/a");

    assertEquals("socket", words.driver());
    assertEquals("/run/a", words.required("path"));
  }

  @Test
  void parse_keyAlone_isOn() {
    assertTrue(OptionWords.parse("--chardev", "socket,server").flag("server", false));
  }

  @Test
  void parse_doubledComma_isACommaInTheValue() {
    assertEquals("/run/a,b", OptionWords.parse("-x", "socket,path=/run/a,,b").required("path"));
  }

  @Test
  void done_unknownKey_isNamedWithTheKnownOnes() {
    OptionWords words = OptionWords.parse("--chardev", "socket,pth=/run/a");
    words.text("id", "");
    words.text("path", "");

    var failure = assertThrows(UsageException.class, words::done);

    assertEquals("--chardev socket has no 'pth', only id, path", failure.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "socket,id=a,id=b | -x 'socket,id=a,id=b': id is given twice",
        ",id=a | -x ',id=a': the first word is missing",
        "socket,=a | -x 'socket,=a': a word without a name"
      })
  void parse_badWords_giveOneClearLine(String text, String message) {
    var failure = assertThrows(UsageException.class, () -> OptionWords.parse("-x", text));

    assertEquals(message, failure.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"nr=-1", "nr=512", "nr=x", "nr="})
  void number_outOfRange_namesTheRange(String word) {
    OptionWords words = OptionWords.parse("-device", "virtserialport," + word);

    var failure = assertThrows(UsageException.class, () -> words.number("nr", 1, 0, 511));

    assertEquals(
        "-device virtserialport: " + word + " is not a whole number from 0 to 511",
        failure.getMessage());
  }

  @Test
  void flag_otherWord_isRefused() {
    OptionWords words = OptionWords.parse("-x", "socket,wait=maybe");

    assertThrows(UsageException.class, () -> words.flag("wait", true));
  }

  @Test
  void required_missing_isNamed() {
    var failure =
        assertThrows(
            UsageException.class, () -> OptionWords.parse("-x", "socket").required("path"));

    assertEquals("-x socket needs path=", failure.getMessage());
  }
}
