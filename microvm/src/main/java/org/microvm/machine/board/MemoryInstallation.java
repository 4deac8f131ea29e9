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
 * Shows a guest its RAM and the registers that it reads from memory, on a thread of its own: KVM
 * waits for a grace period at each slot, 6 to 8 ms on kvm-pvm, and meanwhile vCPUs can be made.
 */
public final class MemoryInstallation implements AutoCloseable {
  private final FutureTask<Slots> slots;

  /** One for each region of RAM, and one for the registers of all devices. */
  private record Slots(List<MemorySlot> ram, Optional<MemorySlot> registers) {}

  private MemoryInstallation(FutureTask<Slots> slots) {
    this.slots = slots;
  }

  /** Begins to add the slots to a VM. */
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

  /** The memory slots of RAM, by region; the guest sees all of its memory from here on. */
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

  /** Waits for the thread, and takes the registers away: their pages do not outlive the board. */
  @Override
  public void close() {
    try {
      await().registers().ifPresent(MemorySlot::close);
    } catch (ErrnoException e) {
      // Whoever waited for the memory has said so; there is nothing to take away.
      return;
    }
  }
}
