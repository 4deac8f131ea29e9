package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;

class ControlOptionsTest {
  /** QEMU's -S without a monitor: the machine waits until a signal ends it. */
  @Test
  void withoutAControlSocket_nobodyAsksForTheEnd() {
    assertFalse(new ControlOptions().quitRequested().isDone());
  }
}
