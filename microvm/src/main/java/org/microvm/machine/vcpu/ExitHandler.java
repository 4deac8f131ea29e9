package org.microvm.machine.vcpu;

import org.microvm.devices.bus.Bus;
import org.microvm.kvm.ExitReason;
import org.microvm.kvm.VcpuRun;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.emulation.InstructionEmulator;

/** Handles the exits of one vCPU: port I/O, MMIO, and the end of the guest (KVM API, section 5). */
public final class ExitHandler {
  private final Bus ports;
  private final Bus mmio;
  private final ExitStatistics statistics;
  private final InstructionEmulator emulator;
  private final FailureReport report;
  private final GuestEnder ender;

  /** Creates the handler of one vCPU's exits. */
  public ExitHandler(
      Bus ports,
      Bus mmio,
      ExitStatistics statistics,
      InstructionEmulator emulator,
      FailureReport report,
      GuestEnder ender) {
    this.ports = ports;
    this.mmio = mmio;
    this.statistics = statistics;
    this.emulator = emulator;
    this.report = report;
    this.ender = ender;
  }

  ExitStatistics statistics() {
    return statistics;
  }

  /** Handles the exit that {@code run} describes. */
  public void handle(VcpuRun run) {
    switch (run.exitReason()) {
      case ExitReason.IO -> portAccess(run);
      case ExitReason.MMIO -> mmioAccess(run);
      case ExitReason.INTERNAL_ERROR -> internalError(run);
      case ExitReason.DEBUG -> breakpoint(run);
      case ExitReason.SHUTDOWN -> ender.end(new MachineEnd.TripleFault(report.tripleFault()));
      case ExitReason.FAIL_ENTRY -> fail(report.entryFailed(run));
      case ExitReason.SYSTEM_EVENT -> systemEvent(run);
      case ExitReason.INTR, ExitReason.IRQ_WINDOW_OPEN -> {} // re-enter the guest
      default -> fail(report.unknownExit(run));
    }
  }

  private void portAccess(VcpuRun run) {
    int port = run.ioPort();
    int size = run.ioSize();
    int count = run.ioCount();
    statistics.port(port);
    if (run.ioIsWrite()) {
      if (count == 1) {
        ports.write(port, size, run.ioData(0));
      } else {
        ports.writeRepeated(port, size, run.segment(), run.ioDataOffset(), count);
      }
    } else if (count == 1) {
      run.ioData(0, ports.read(port, size));
    } else {
      ports.readRepeated(port, size, run.segment(), run.ioDataOffset(), count);
    }
  }

  private void mmioAccess(VcpuRun run) {
    long address = run.mmioAddress();
    int size = run.mmioLength();
    statistics.mmio(address);
    if (run.mmioIsWrite()) {
      mmio.write(address, size, run.mmioData());
    } else {
      run.mmioData(mmio.read(address, size));
    }
  }

  private void internalError(VcpuRun run) {
    if (run.internalSuberror() != VcpuRun.INTERNAL_ERROR_EMULATION || !emulator.emulate()) {
      fail(report.internalError(run));
    }
  }

  private void breakpoint(VcpuRun run) {
    if (!emulator.systemCalls().resume(run.debugPc())) {
      fail(report.unknownExit(run));
    }
  }

  private void systemEvent(VcpuRun run) {
    switch (run.systemEventType()) {
      case VcpuRun.SYSTEM_EVENT_SHUTDOWN -> ender.end(new MachineEnd.PowerOff());
      case VcpuRun.SYSTEM_EVENT_RESET -> ender.end(new MachineEnd.Reset("KVM system event"));
      default -> fail(report.systemEvent(run));
    }
  }

  private void fail(String text) {
    ender.end(new MachineEnd.Failed(text));
  }
}
