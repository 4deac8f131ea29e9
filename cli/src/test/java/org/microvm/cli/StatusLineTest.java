package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class StatusLineTest {
  @Test
  void terminalOfAnEditor_getsNoSequences() {
    assertTrue(StatusLine.hasSequences("xterm-256color"));
    assertFalse(StatusLine.hasSequences("dumb"));
    assertFalse(StatusLine.hasSequences(""));
    assertFalse(StatusLine.hasSequences(null));
  }
}
