package org.microvm.devices.virtio;

import org.microvm.devices.IrqTrigger;

/**
 * InterruptStatus and InterruptACK of a virtio-mmio device (section 4.2.2). Guarded by the device
 * lock.
 *
 * <p>With a {@link RegisterPage}, acknowledgements of used buffers arrive through an eventfd, some
 * time after the driver made them. No event is lost, because {@link #raise} takes the pending
 * acknowledgements before it sets the bit. An acknowledgement taken later was therefore made after
 * everything that the last event reports had been published. A driver whose interrupt is an edge
 * must acknowledge before it reads its queues, and then finds the published buffers there, so it is
 * right to clear the bit. The price is that the bit reads as one for a moment after the
 * acknowledgement, until the event loop has taken it. Acknowledgements of a configuration change,
 * alone or together with used buffers, are other values and always arrive as register writes.
 */
final class InterruptRegisters {
  private final IrqTrigger interrupt;
  private final RegisterPage page;
  private int status;
  private long raised;
  private long repeated;
  private long acknowledged;

  /**
   * @param page the register page, or null if every access is an exit
   */
  InterruptRegisters(IrqTrigger interrupt, RegisterPage page) {
    this.interrupt = interrupt;
    this.page = page;
  }

  /** The value of InterruptStatus. */
  int status() {
    return status;
  }

  /** The number of edges raised. */
  long raised() {
    return raised;
  }

  /**
   * The number of those edges that reported nothing new: a bit was left when another was
   * acknowledged.
   */
  long repeated() {
    return repeated;
  }

  /** The number of acknowledgements. */
  long acknowledgements() {
    return acknowledged;
  }

  /** Notifies the driver of an event, whose data must have been published before. */
  void raise(int bit) {
    // Before the bit is set and after the event's data was published: see the class comment.
    take();
    set(status | bit);
    raised++;
    // After the bit: the driver reads it when the interrupt comes.
    interrupt.raise();
  }

  /** Handles a write of InterruptACK. */
  void acknowledge(int bits) {
    acknowledged++;
    set(status & ~bits);
    raiseIfPending();
  }

  /** Handles a signal of the acknowledgements' eventfd. */
  void acknowledged() {
    if (take()) {
      raiseIfPending();
    }
  }

  /** Takes the pending acknowledgements; returns whether there was one. */
  boolean take() {
    long count = page == null ? 0 : page.takeAcknowledgements();
    if (count == 0) {
      return false;
    }
    acknowledged += count;
    set(status & ~MmioRegister.INTERRUPT_USED_BUFFERS);
    return true;
  }

  void reset() {
    take(); // acknowledgements of events from before the reset
    set(0);
  }

  /** Restores a saved InterruptStatus. */
  void restore(int bits) {
    set(bits);
    // The edge may not have reached the interrupt controller before that was saved, and an
    // additional one is harmless.
    raiseIfPending();
  }

  private void raiseIfPending() {
    if (status != 0) {
      raised++;
      repeated++;
      // Section 4.2.3.4: the signal stays asserted while a bit is set; here it is an edge, so the
      // remaining bits need another one.
      interrupt.raise();
    }
  }

  private void set(int bits) {
    status = bits;
    if (page != null) {
      page.put(MmioRegister.INTERRUPT_STATUS, bits);
    }
  }
}
