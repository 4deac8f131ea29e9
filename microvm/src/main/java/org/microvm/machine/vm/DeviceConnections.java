package org.microvm.machine.vm;

import org.microvm.devices.virtio.MmioRegister;
import org.microvm.kvm.IoEventFd;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.board.Board;
import org.microvm.machine.board.MappedRegisters;
import org.microvm.machine.board.VirtioSlot;

/** Connects the devices of a {@link Board} to a VM: irqfds and ioeventfds. */
final class DeviceConnections {
  private DeviceConnections() {}

  /**
   * Connects interrupts and notifications. The bindings end with the VM: to remove one of them
   * costs a grace period in the kernel, and the end of the VM removes all in one.
   */
  static void make(Vm vm, Board board) throws ErrnoException {
    for (Board.InterruptSource source : board.interrupts()) {
      vm.irqFd(source.gsi(), source.event());
    }
    for (VirtioSlot slot : board.slots()) {
      notifications(vm, slot);
    }
  }

  private static void notifications(Vm vm, VirtioSlot slot) throws ErrnoException {
    if (!slot.hasEventPerQueue()) {
      vm.ioEventFd(
          IoEventFd.Match.memory(slot.address() + MmioRegister.QUEUE_NOTIFY, 4),
          slot.notifyFds().getFirst());
    }
    for (int queue = 0; slot.hasEventPerQueue() && queue < slot.notifyFds().size(); queue++) {
      IoEventFd.Match match =
          IoEventFd.Match.memory(slot.address() + MmioRegister.QUEUE_NOTIFY, 4, queue);
      vm.ioEventFd(match, slot.notifyFds().get(queue));
    }
    if (slot.fastPath().isPresent()) {
      MappedRegisters mapped = slot.fastPath().get();
      IoEventFd.Match usedBuffers =
          IoEventFd.Match.memory(
              slot.address() + MmioRegister.INTERRUPT_ACK, 4, MmioRegister.INTERRUPT_USED_BUFFERS);
      vm.ioEventFd(usedBuffers, mapped.acknowledgements());
    }
  }
}
