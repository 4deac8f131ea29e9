package org.microvm.machine.linux;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.microvm.testing.RequiresKvm;

/** A process in a Linux guest for each test; the guest is that of the subclass's extension. */
@RequiresKvm
@Tag("linux")
@Timeout(150)
abstract class GuestProcessFixture {
  GuestProcess process;

  @BeforeEach
  void start(LinuxGuest guest) {
    process = guest.process();
  }

  @AfterEach
  void end() {
    process.close();
  }
}
