package org.microvm.devices.virtio;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.bus.LittleEndian;

/**
 * Simulates KVM's handling of a guest's accesses to a register page: loads read the page, stores
 * reach the device or, if they match, a counter.
 */
final class MappedAccess {
  private final MemorySegment page =
      Arena.ofAuto().allocate(VirtioMmioTransport.LENGTH, VirtioMmioTransport.LENGTH);

  /** Acknowledgements that are not taken yet, as in an eventfd. */
  private final AtomicLong acknowledgements = new AtomicLong();

  RegisterPage registerPage() {
    return new RegisterPage(page, () -> acknowledgements.getAndSet(0));
  }

  /** InterruptStatus as the driver sees it. */
  int interruptStatus() {
    return (int)
        ValueLayout.JAVA_INT.varHandle().getAcquire(page, (long) MmioRegister.INTERRUPT_STATUS);
  }

  /** Acknowledges used buffers; the device is notified later. */
  void acknowledge() {
    acknowledgements.incrementAndGet();
  }

  /** Returns the driver's accesses, with an event loop that takes acknowledgements at once. */
  BusDevice of(VirtioMmioTransport transport) {
    return new BusDevice() {
      @Override
      public long read(long offset, int size) {
        // KVM splits an access that crosses the end of the page; the rest is not memory.
        return offset + size > page.byteSize()
            ? transport.read(offset, size)
            : LittleEndian.get(page, offset, size);
      }

      @Override
      public void write(long offset, int size, long value) {
        boolean matches =
            offset == MmioRegister.INTERRUPT_ACK
                && size == 4
                && value == MmioRegister.INTERRUPT_USED_BUFFERS;
        if (matches) {
          acknowledge();
          transport.acknowledged();
        } else {
          transport.write(offset, size, value);
        }
      }
    };
  }
}
