package org.microvm.machine.vm;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.microvm.kvm.MemorySlot;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.GuestRam;
import org.microvm.linux.UninterruptedJoin;
import org.microvm.machine.board.Board;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates a VM with its interrupt controllers, its timer and its memory slots, on a separate
 * thread: KVM waits for a grace period of the kernel at each memory slot and at the interrupt
 * controllers, 1 to 8 ms each on kvm-pvm, and the machine's other parts are made meanwhile.
 *
 * <p>The slot for virtio registers comes last, after {@link #mapRegisters}: KVM adds slots and
 * ioeventfds one at a time. Until it is there, an access to a register is an exit.
 */
final class VmSetup implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(VmSetup.class);

  private final FutureTask<Vm> vm;
  private final FutureTask<List<MemorySlot>> ram;
  private final FutureTask<Void> registers;
  private final CompletableFuture<Optional<MemorySegment>> pages = new CompletableFuture<>();
  private final Thread thread;

  private VmSetup(Source source, GuestRam memory, Runnable last) {
    vm = new FutureTask<>(source::get);
    ram = new FutureTask<>(() -> vm().addMemory(memory.memory()));
    registers = new FutureTask<>(this::addRegisters);
    thread = Thread.ofPlatform().name("vm-setup").unstarted(() -> run(last));
  }

  /** Creates a VM without memory and vCPUs. */
  interface Source {
    Vm get() throws ErrnoException;
  }

  /**
   * Starts to make a VM.
   *
   * @param source called once, on this object's thread
   * @param memory the guest's RAM, which is unmapped after this is closed
   * @param last called at the end, on this object's thread
   */
  static VmSetup begin(Source source, GuestRam memory, Runnable last) {
    VmSetup setup = new VmSetup(source, memory, last);
    setup.thread.start();
    return setup;
  }

  private void run(Runnable last) {
    vm.run();
    ram.run();
    registers.run();
    last.run();
  }

  private Void addRegisters() throws ExecutionException, InterruptedException, ErrnoException {
    Optional<MemorySegment> host = pages.get();
    if (host.isPresent()) {
      try {
        vm().addMemory(Board.REGISTERS, host.get(), true);
      } catch (ErrnoException e) {
        LOG.warn(
            "cannot map the virtio registers into the guest, so each access to them"
                + " causes an exit: {}",
            e.getMessage());
        throw e;
      }
    }
    return null;
  }

  /** Waits until the VM is made and returns it; it has no memory yet. This object closes it. */
  Vm vm() throws ErrnoException {
    return await(vm);
  }

  /** Waits until the slots of RAM are added and returns them, by region. */
  List<MemorySlot> ram() throws ErrnoException {
    return await(ram);
  }

  /**
   * Begins to add the slot for registers. Call this after all ioeventfds are registered.
   *
   * @param host the pages of the registers; empty if each access is to exit
   */
  void mapRegisters(Optional<MemorySegment> host) {
    pages.complete(host);
  }

  /** Waits until the slot of {@link #mapRegisters} is added. */
  void awaitRegisters() throws ErrnoException {
    await(registers);
  }

  private static <T> T await(Future<T> result) throws ErrnoException {
    boolean interrupted = false;
    try {
      for (; ; ) {
        try {
          return result.get();
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

  /**
   * Waits for the thread and closes the VM, after its vCPUs. The slots end with the VM. A second
   * call does nothing.
   */
  @Override
  public void close() {
    mapRegisters(Optional.empty());
    if (UninterruptedJoin.of(thread)) {
      Thread.currentThread().interrupt();
    }
    if (vm.state() == Future.State.SUCCESS) {
      vm.resultNow().close();
    }
  }
}
