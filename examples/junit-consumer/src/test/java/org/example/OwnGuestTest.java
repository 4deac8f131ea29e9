package org.example;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;

/** A test whose changes would disturb other tests gets its own guest. */
class OwnGuestTest {
  @Test
  @MicroVm(memory = 256, append = "microvm.shell=0")
  void memory_isWhatWasAskedFor(GuestVm vm) throws Exception {
    String line = vm.exec("grep", "MemTotal", "/proc/meminfo").output();
    int kibibytes = Integer.parseInt(line.replaceAll("[^0-9]", ""));

    assertTrue(kibibytes > 200 << 10 && kibibytes <= 256 << 10, line);
  }
}
