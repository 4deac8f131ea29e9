package org.microvm.devices.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * The registers of a virtio-mmio device as memory that the guest reads without an exit.
 *
 * <p>The machine maps the page read-only into the guest ({@code KVM_MEM_READONLY}, KVM API section
 * 4.35): reads are loads, while writes still exit or match an ioeventfd. The value of a register
 * may depend on earlier writes (a selector, the status), so the {@link VirtioMmioTransport} updates
 * the page during each write, before the vCPU continues.
 *
 * <p>A 32-bit word changes atomically, so a driver never sees half of a register. A change of the
 * configuration space that spans several words is not atomic for a driver that reads at the same
 * time; the devices here change one word at a time.
 *
 * <p>Written with the device lock held.
 */
public final class RegisterPage {
  /** The number of bytes of configuration space in the page; no device here has more. */
  static final int CONFIG_BYTES = 256;

  private static final VarHandle WORD =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  private final MemorySegment memory;
  private final Acknowledgements acknowledgements;

  /** Acknowledgements of used buffers that matched an ioeventfd instead of reaching the device. */
  @FunctionalInterface
  public interface Acknowledgements {
    /**
     * Takes the pending acknowledgements. Never blocks.
     *
     * @return the number of acknowledgements since the last call
     */
    long take();
  }

  /**
   * Creates a page that shows no register yet; a transport fills it.
   *
   * @param memory native, zeroed memory of {@link VirtioMmioTransport#LENGTH} bytes, page-aligned;
   *     it must outlive the transport
   * @param acknowledgements the writes of {@link MmioRegister#INTERRUPT_USED_BUFFERS} to
   *     InterruptACK, which do not reach the transport
   * @throws IllegalArgumentException if the memory is not native or has another size
   */
  public RegisterPage(MemorySegment memory, Acknowledgements acknowledgements) {
    if (!memory.isNative() || memory.byteSize() != VirtioMmioTransport.LENGTH) {
      throw new IllegalArgumentException(
          "a register page needs native memory of 4096 bytes, not " + memory);
    }
    this.memory = memory;
    this.acknowledgements = Objects.requireNonNull(acknowledgements);
  }

  /** Sets a register, ordered after all registers set and data published before. */
  void put(int offset, int value) {
    // Release, because a driver that sees a bit of InterruptStatus reads the rings next.
    WORD.setRelease(memory, (long) offset, value);
  }

  long takeAcknowledgements() {
    return acknowledgements.take();
  }
}
