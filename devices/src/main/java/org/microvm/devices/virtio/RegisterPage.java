package org.microvm.devices.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * The registers of a virtio-mmio device as memory that the guest reads without an exit.
 *
 * <p>The machine shows it to the guest read-only ({@code KVM_MEM_READONLY}, KVM API section 4.35):
 * reads are loads, and writes still exit or match an ioeventfd. What a register reads as may depend
 * on what was written before (a selector, the status), so the {@link VirtioMmioTransport} keeps the
 * page current within each write, before the vCPU goes on.
 *
 * <p>A 32-bit word changes at once, so a driver never sees half of a register. A change of the
 * configuration space that spans several words is not one moment for a driver that reads meanwhile;
 * the devices here change one word at a time.
 *
 * <p>Written with the device lock held.
 */
public final class RegisterPage {
  /** Bytes of a configuration space that the page shows; none here is longer. */
  static final int CONFIG_BYTES = 256;

  private static final VarHandle WORD =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  private final MemorySegment memory;
  private final Acknowledgements acknowledgements;

  /** Acknowledgements of used buffers that matched an ioeventfd instead of reaching the device. */
  @FunctionalInterface
  public interface Acknowledgements {
    /** Takes those that there are; how many there were. Never blocks. */
    long take();
  }

  /**
   * @param memory native, zeroed, {@link VirtioMmioTransport#LENGTH} bytes, aligned to a page; it
   *     outlives the transport
   * @param acknowledgements writes of {@link MmioRegister#INTERRUPT_USED_BUFFERS} to InterruptACK,
   *     which the transport does not see
   */
  public RegisterPage(MemorySegment memory, Acknowledgements acknowledgements) {
    if (!memory.isNative() || memory.byteSize() != VirtioMmioTransport.LENGTH) {
      throw new IllegalArgumentException(
          "a register page is native memory of 4096 bytes, not " + memory);
    }
    this.memory = memory;
    this.acknowledgements = Objects.requireNonNull(acknowledgements);
  }

  /** Shows a register; in program order with what was shown and published before. */
  void put(int offset, int value) {
    // Release, because a driver that sees a bit of InterruptStatus looks at the rings next.
    WORD.setRelease(memory, (long) offset, value);
  }

  long takeAcknowledgements() {
    return acknowledgements.take();
  }
}
