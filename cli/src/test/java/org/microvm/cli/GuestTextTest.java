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

  /** Such a name looks like a picture's: "photo", then "gpj.exe" from right to left. */
  @Test
  void plain_textThatATerminalWouldReorder_isReplaced() {
    assertEquals("photo?gpj.exe", GuestText.plain("photo\u202egpj.exe"));
    assertEquals("a?b?c?d?e", GuestText.plain("a\u2066b\u2069c\u2028d\u2029e"));
    assertEquals("שלום \u200f", GuestText.plain("שלום \u200f"));
  }

  @Test
  void plainLines_lineFeedsStay() {
    assertEquals("?[2J a\n\tb?\n?", GuestText.plainLines("\u001b[2J a\n\tb\r\n\u202e"));
  }
}
