package org.microvm.machine.board;

import java.util.ArrayList;
import java.util.List;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;

/**
 * The events of the interrupts that do not belong to a virtio device.
 *
 * @param uart of the serial port
 * @param clock of the real-time clock
 * @param power of the ACPI registers
 */
record LegacyInterrupts(EventFd uart, EventFd clock, EventFd power) {
  private static final int COUNT = 3;

  /** Opens all of them, or none. */
  static LegacyInterrupts open() throws ErrnoException {
    List<EventFd> opened = new ArrayList<>();
    try {
      while (opened.size() < COUNT) {
        opened.add(EventFd.open());
      }
    } catch (ErrnoException | RuntimeException | Error e) {
      opened.forEach(EventFd::close);
      throw e;
    }
    return new LegacyInterrupts(opened.get(0), opened.get(1), opened.get(2));
  }
}
