package org.example.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;

/** Runs in the named module, as the JUnit extension does. */
@MicroVm
class KernelTest {
  @Test
  void kernel_isTheGuests(GuestVm vm) throws Exception {
    assertEquals("org.example.tests", KernelTest.class.getModule().getName());
    assertEquals("org.microvm.junit", MicroVm.class.getModule().getName());
    assertTrue(Kernel.release(vm).startsWith("6.1."));
  }
}
