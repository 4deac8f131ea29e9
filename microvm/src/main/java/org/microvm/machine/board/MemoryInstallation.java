package org.microvm.machine.board;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.microvm.kvm.MemorySlot;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;

/**
 * Adds the memory slots for RAM and for virtio registers to a VM, on a separate thread: KVM waits
 * for an RCU grace period at each slot, 6 to 8 ms on kvm-pvm, and vCPUs can be created meanwhile.
 */
public final class MemoryInstallation implements AutoCloseable {
  private final FutureTask<Slots> slots;

  /** One slot for each region of RAM, and one for the registers of all devices. */
  private record Slots(List<MemorySlot> ram, Optional<MemorySlot> registers) {}

  private MemoryInstallation(FutureTask<Slots> slots) {
    this.slots = slots;
  }

  /** Starts to add the slots to a VM. */
  public static MemoryInstallation begin(Vm vm, Board board) {
    FutureTask<Slots> slots = new FutureTask<>(() -> install(vm, board));
    Thread.ofPlatform().name("memory-slots").start(slots);
    return new MemoryInstallation(slots);
  }

  private static Slots install(Vm vm, Board board) throws ErrnoException {
    List<MemorySlot> ram = vm.addMemory(board.ram().memory());
    Optional<MemorySegment> pages = board.registerPages();
    return new Slots(
        ram,
        pages.isEmpty()
            ? Optional.empty()
            : Optional.of(vm.addMemory(VirtioSlot.FIRST_ADDRESS, pages.get(), true)));
  }

  /** Waits until all slots are added and returns those of RAM, by region. */
  public List<MemorySlot> ram() throws ErrnoException {
    return await().ram();
  }

  private Slots await() throws ErrnoException {
    boolean interrupted = false;
    try {
      for (; ; ) {
        try {
          return slots.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ErrnoException refused) {
        throw refused;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Waits for the thread and removes the slot of the registers, whose pages end with the board. */
  @Override
  public void close() {
    try {
      await().registers().ifPresent(MemorySlot::close);
    } catch (ErrnoException e) {
      // The caller of ram() got the same exception; there is no slot to remove.
      return;
    }
  }
}
