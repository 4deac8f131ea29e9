package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class GuestTextTest {
  @Test
  void plain_controlCharactersAreReplaced() {
    assertEquals(
        "?]0;title? ?2J ? ? ? a\tgröße",
        GuestText.plain("\u001b]0;title\u0007 \u009b2J \r \n \u007f a\tgröße"));
  }

  @Test
  void plainLines_lineFeedsStay() {
    assertEquals("?[2J a\n\tb?\n", GuestText.plainLines("\u001b[2J a\n\tb\r\n"));
  }
}
