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
public final class MemorySlotSetup implements AutoCloseable {
  private final FutureTask<List<MemorySlot>> slots;

  private MemorySlotSetup(FutureTask<List<MemorySlot>> slots) {
    this.slots = slots;
  }

  /** Starts to add the slots to a VM. */
  public static MemorySlotSetup begin(Vm vm, Board board) {
    FutureTask<List<MemorySlot>> slots = new FutureTask<>(() -> install(vm, board));
    Thread.ofPlatform().name("memory-slots").start(slots);
    return new MemorySlotSetup(slots);
  }

  private static List<MemorySlot> install(Vm vm, Board board) throws ErrnoException {
    List<MemorySlot> ram = vm.addMemory(board.ram().memory());
    Optional<MemorySegment> pages = board.registerPages();
    if (pages.isPresent()) {
      vm.addMemory(VirtioSlot.FIRST_ADDRESS, pages.get(), true);
    }
    return ram;
  }

  /** Waits until all slots are added and returns those of RAM, by region. */
  public List<MemorySlot> ram() throws ErrnoException {
    return await();
  }

  private List<MemorySlot> await() throws ErrnoException {
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

  /** Waits for the thread. The slots end with the VM, before the board's pages are unmapped. */
  @Override
  public void close() {
    try {
      await();
    } catch (ErrnoException e) {
      // The caller of ram() got the same exception.
      return;
    }
  }
}
