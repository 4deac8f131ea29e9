package org.microvm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.testing.RequiresKvm;

/**
 * Sends interrupts through the in-kernel 8259 to a guest that halts and reports each one on a port.
 */
@RequiresKvm
@Timeout(30)
class InterruptTest {
  private static final int LINE = 5;
  private static final String READY = "IO write port 0x98 size 1 count 1";
  private static final String TAKEN = "IO write port 0x99 size 1 count 1";

  private TinyGuest guest;
  private EventFd signal;

  @BeforeEach
  void startGuest() throws Exception {
    guest =
        TinyGuest.withIrqchip(
            0xb0, 0x11, 0xe6, 0x20, // initialize the first 8259: mov $0x11,%al; out %al,$0x20
            0xb0, 0x20, 0xe6, 0x21, // vectors from 0x20
            0xb0, 0x04, 0xe6, 0x21, // the second one is on line 2
            0xb0, 0x01, 0xe6, 0x21, // 8086 mode
            0xb0, 0xdf, 0xe6, 0x21, // line 5 only
            0xe6, 0x98, // ready: out %al,$0x98
            0xfb, 0xf4, 0xeb, 0xfc); // sti; hlt; jmp back to sti
    guest
        .memory()
        .write(
            0x2000,
            TinyGuest.bytes(
                0xe6, 0x99, // taken: out %al,$0x99
                0xb0, 0x20, 0xe6, 0x20, // end of interrupt
                0xcf)); // iret
    guest.memory().putInt((0x20 + LINE) * 4, 0x2000);
    passInterruptsThroughTheLocalApic();
    signal = EventFd.open();
  }

  /**
   * Enables the local APIC and makes its LINT0 pin accept the 8259's interrupts, as firmware does.
   */
  private void passInterruptsThroughTheLocalApic() throws Exception {
    byte[] apic = guest.vcpu.save(VcpuState.LOCAL_APIC);
    MemorySegment registers = MemorySegment.ofArray(apic);
    registers.set(ValueLayout.JAVA_INT_UNALIGNED, 0xf0, 0x1ff);
    registers.set(ValueLayout.JAVA_INT_UNALIGNED, 0x350, 0x700);
    guest.vcpu.restore(VcpuState.LOCAL_APIC, apic);
  }

  @AfterEach
  void stopGuest() {
    guest.close();
    signal.close();
  }

  @Test
  void irqFd_eachSignalIsAnInterrupt() throws Exception {
    try (IrqFd tie = guest.vm.irqFd(LINE, signal)) {
      assertEquals(READY, guest.runToExit());

      signal.signal();
      assertEquals(TAKEN, guest.runToExit());
      signal.signal();
      assertEquals(TAKEN, guest.runToExit());
      assertEquals(LINE, tie.gsi());
    }
  }

  @Test
  void irqFd_closedRaisesNothing() throws Exception {
    IrqFd tie = guest.vm.irqFd(LINE, signal);
    tie.close();
    tie.close();
    assertEquals(READY, guest.runToExit());

    signal.signal();

    assertEquals(1, signal.drain());
    guest.vcpu.kick();
    assertEquals(Errno.EINTR, guest.vcpu.run());
  }

  @Test
  void irqFd_closedEventFdIsRefused() {
    signal.close();

    var failure = assertThrows(ErrnoException.class, () -> guest.vm.irqFd(LINE, signal));

    assertEquals("KVM_IRQFD gsi 5: EBADF (Bad file descriptor)", failure.getMessage());
  }

  @Test
  void irqLine_aPulseIsAnInterrupt() {
    assertEquals(READY, guest.runToExit());

    assertEquals(0, guest.vm.irqLine(LINE, true));
    assertEquals(0, guest.vm.irqLine(LINE, false));

    assertEquals(TAKEN, guest.runToExit());
  }

  @Test
  void picState_savedMaskIsTheOneThatTheGuestSet() throws Exception {
    assertEquals(READY, guest.runToExit());

    byte[] state = guest.vm.save(VmState.PIC_MASTER);

    int headerBytes = 8;
    int interruptMask = 2; // struct kvm_pic_state: last_irr, irr, imr
    assertEquals((byte) 0xdf, state[headerBytes + interruptMask]);
  }
}
