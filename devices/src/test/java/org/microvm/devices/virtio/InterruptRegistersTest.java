package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.microvm.devices.virtio.MmioRegister.INTERRUPT_CONFIG_CHANGED;
import static org.microvm.devices.virtio.MmioRegister.INTERRUPT_USED_BUFFERS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.devices.testing.RecordingIrqTrigger;

/** A late acknowledgement must not clear an event to which it does not belong. */
@Timeout(60)
class InterruptRegistersTest {
  private static final int BOTH = INTERRUPT_USED_BUFFERS | INTERRUPT_CONFIG_CHANGED;

  private final RecordingIrqTrigger interrupt = new RecordingIrqTrigger();
  private final MappedAccess guest = new MappedAccess();
  private final InterruptRegisters registers =
      new InterruptRegisters(interrupt, guest.registerPage());

  @Test
  void raise_showsTheBitAndInterrupts() {
    registers.raise(INTERRUPT_USED_BUFFERS);

    assertEquals(INTERRUPT_USED_BUFFERS, guest.interruptStatus());
    assertEquals(1, interrupt.count());
  }

  @Test
  void acknowledged_clearsTheBit() {
    registers.raise(INTERRUPT_USED_BUFFERS);
    guest.acknowledge();

    registers.acknowledged();

    assertEquals(0, guest.interruptStatus());
    assertEquals(1, interrupt.count());
  }

  @Test
  void acknowledged_madeBeforeTheLastEvent_leavesItsBit() {
    registers.raise(INTERRUPT_USED_BUFFERS);
    guest.acknowledge();
    registers.raise(INTERRUPT_USED_BUFFERS);

    registers.acknowledged();

    assertEquals(INTERRUPT_USED_BUFFERS, guest.interruptStatus());
    assertEquals(2, interrupt.count());
  }

  @Test
  void acknowledged_twiceForOneEvent_leavesTheNextOnesBit() {
    registers.raise(INTERRUPT_USED_BUFFERS);
    guest.acknowledge();
    registers.acknowledged();
    guest.acknowledge(); // by a handler that read the bit before it was cleared
    registers.raise(INTERRUPT_USED_BUFFERS);

    registers.acknowledged();

    assertEquals(INTERRUPT_USED_BUFFERS, guest.interruptStatus());
  }

  @Test
  void acknowledged_configurationChanged_isKeptAndInterruptsAgain() {
    registers.raise(INTERRUPT_USED_BUFFERS);
    registers.raise(INTERRUPT_CONFIG_CHANGED);
    guest.acknowledge();

    registers.acknowledged();

    assertEquals(INTERRUPT_CONFIG_CHANGED, guest.interruptStatus());
    assertEquals(3, interrupt.count());
  }

  @Test
  void raise_configurationChanged_takesAnOlderAcknowledgement() {
    registers.raise(INTERRUPT_USED_BUFFERS);
    guest.acknowledge();

    registers.raise(INTERRUPT_CONFIG_CHANGED);

    assertEquals(INTERRUPT_CONFIG_CHANGED, guest.interruptStatus());
  }

  @Test
  void acknowledge_both_clearsBoth() {
    registers.raise(INTERRUPT_USED_BUFFERS);
    registers.raise(INTERRUPT_CONFIG_CHANGED);

    registers.acknowledge(BOTH);

    assertEquals(0, guest.interruptStatus());
  }

  @Test
  void reset_takesAcknowledgementsFromBefore() {
    registers.raise(INTERRUPT_USED_BUFFERS);
    guest.acknowledge();
    registers.reset();
    registers.raise(INTERRUPT_USED_BUFFERS);

    registers.acknowledged();

    assertEquals(INTERRUPT_USED_BUFFERS, guest.interruptStatus());
  }
}
