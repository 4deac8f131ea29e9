package org.microvm.devices.virtio;

import org.microvm.devices.Interrupt;

/**
 * InterruptStatus and InterruptACK of a virtio-mmio device. Guarded by the device lock.
 *
 * <p>With a {@link RegisterPage}, acknowledgements of used buffers come by an eventfd, some time
 * after the driver made them. No event is lost by that, because {@link #raise} takes the
 * acknowledgements that are there before it sets the bit. One that is taken later was then made
 * after everything that the last event tells of had been published, and a driver that acknowledges
 * before it looks at its queues, as every driver must whose interrupt is an edge, finds it there:
 * clearing the bit is right. The price is that the bit reads as one for a moment after the
 * acknowledgement, until the event loop has taken it. Acknowledgements of a configuration change,
 * alone or with used buffers, are other values and always come as register writes.
 */
final class InterruptRegisters {
  private final Interrupt interrupt;
  private final RegisterPage page;
  private int status;
  private long raised;
  private long repeated;
  private long acknowledged;

  /**
   * @param page or null, when every access is an exit
   */
  InterruptRegisters(Interrupt interrupt, RegisterPage page) {
    this.interrupt = interrupt;
    this.page = page;
  }

  /** What InterruptStatus reads as. */
  int status() {
    return status;
  }

  /** Edges so far. */
  long raised() {
    return raised;
  }

  /** Edges among them that told of nothing new: a bit was left when another was acknowledged. */
  long repeated() {
    return repeated;
  }

  /** Acknowledgements so far. */
  long acknowledgements() {
    return acknowledged;
  }

  /** Tells the driver of an event; what it is about has been published. */
  void raise(int bit) {
    // Before the bit and after what the event tells of: see the class.
    take();
    set(status | bit);
    raised++;
    // After the bit: the driver reads it when the interrupt comes.
    interrupt.raise();
  }

  /** A write of InterruptACK. */
  void acknowledge(int bits) {
    acknowledged++;
    set(status & ~bits);
    raiseIfPending();
  }

  /** The eventfd of acknowledgements has been signalled. */
  void acknowledged() {
    if (take()) {
      raiseIfPending();
    }
  }

  /** Takes acknowledgements that have not been taken; whether there was one. */
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
    take(); // of an event from before the reset
    set(0);
  }

  /** Takes up a saved InterruptStatus. */
  void restore(int bits) {
    set(bits);
    // The edge may not have reached the interrupt controller before it was saved, and one too many
    // does no harm.
    raiseIfPending();
  }

  private void raiseIfPending() {
    if (status != 0) {
      raised++;
      repeated++;
      // Section 4.2.3.4: the signal stays asserted while a bit is set; here it is an edge, so what
      // is left needs another.
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
