package org.microvm.machine;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.machine.board.ConsoleOutput;
import org.microvm.machine.board.VirtioSlot;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.vm.VmInstance;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortStatus;
import org.microvm.virtioserial.SerialDevice;

/** Collects a machine's statistics from its parts. Any thread may call. */
final class MachineStatisticsReader {
  private final MachineContext context;

  /** The last ones, once the machine is closed, else null; guarded by the lifecycle's lock. */
  private MachineStatistics last;

  MachineStatisticsReader(MachineContext context) {
    this.context = context;
  }

  /** Returns what the machine has done so far, or until {@link #freeze}. */
  MachineStatistics read() {
    context.lifecycle().lock().lock();
    try {
      return last == null ? collect() : last;
    } finally {
      context.lifecycle().lock().unlock();
    }
  }

  /** Keeps the present statistics, because the parts are about to be closed. */
  void freeze() {
    context.lifecycle().lock().lock();
    try {
      last = collect();
    } finally {
      context.lifecycle().lock().unlock();
    }
  }

  private MachineStatistics collect() {
    MachineParts parts = context.parts();
    VmInstance instance = context.lifecycle().instance();
    ConsoleOutput console = parts.console();
    return new MachineStatistics(
        instance.counters().vcpus(),
        instant(instance.counters().firstEntryNanos()),
        instant(console.firstByteNanos()),
        console.dropped(),
        Optional.ofNullable(context.lifecycle().end().getNow(null)),
        context.lifecycle().resets(),
        parts.board().slots().stream().map(VirtioSlot::statistics).toList(),
        portStatuses(parts.serial()),
        instance.counters().kernel());
  }

  private static List<PortStatus> portStatuses(SerialDevice serial) {
    List<PortStatus> all = new ArrayList<>();
    for (PortInfo port : serial.ports()) {
      try {
        all.add(serial.status(port.nr()));
      } catch (PortException removedMeanwhile) {
        continue;
      }
    }
    return all;
  }

  private static Optional<Instant> instant(long nanoTime) {
    return nanoTime == 0
        ? Optional.empty()
        : Optional.of(Instant.now().minusNanos(System.nanoTime() - nanoTime));
  }
}
