package org.microvm.machine;

import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.microvm.kvm.KvmStats;
import org.microvm.kvm.VcpuState;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.FailureText;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.PageSamples;
import org.microvm.machine.save.VirtualMemory;
import org.microvm.machine.vm.VmInstance;
import org.microvm.machine.x86.VcpuSetup;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;
import org.microvm.memory.MemoryRegion;

/**
 * Inspects the guest of a machine from outside: reads its memory, measures how fast that changes,
 * and interrupts it. Any thread may call; listeners are not notified.
 */
public final class GuestInspection {
  private static final String NO_GUEST = "the guest has not been started or has ended";

  private final MachineContext context;
  private final PauseControl pauses;

  private GuestInspection(MachineContext context, PauseControl pauses) {
    this.context = context;
    this.pauses = pauses;
  }

  /**
   * {@return the inspection of a machine's guest}
   *
   * @param machine the machine, which may be closed at any time
   */
  public static GuestInspection of(Machine machine) {
    return new GuestInspection(machine.controls().context(), machine.controls().pauses());
  }

  /**
   * Reads memory while the guest runs on. Addresses outside RAM read as zeros.
   *
   * @param address guest-physical address of the first byte
   * @param target filled with the bytes
   * @throws MachineException if the guest has not been started or has ended
   */
  public void readPhysical(long address, byte[] target) throws MachineException {
    whileAlive(
        () -> {
          Arrays.fill(target, (byte) 0);
          GuestMemory memory = context.parts().board().ram().memory();
          for (MemoryRegion region : memory.regions()) {
            long from = Math.max(address, region.start());
            long to = Math.min(address + target.length, region.end());
            if (from < to) {
              byte[] part = new byte[(int) (to - from)];
              memory.read(from, part);
              System.arraycopy(part, 0, target, (int) (from - address), part.length);
            }
          }
          return null;
        });
  }

  /**
   * Reads memory by its virtual address, with the vCPUs stopped meanwhile.
   *
   * @param vcpu index of the vCPU whose page tables translate the address
   * @param address virtual address of the first byte
   * @param target filled with the bytes
   * @return whether all of them are mapped to RAM; if not, the target may be filled in part
   * @throws MachineException if the guest does not run, or its vCPU is not in 64-bit mode
   * @throws InterruptedException if the thread is interrupted while it waits for the vCPUs to stop
   */
  public boolean readVirtual(int vcpu, long address, byte[] target)
      throws MachineException, InterruptedException {
    return whileStopped(
        instance -> {
          byte[] special = instance.vcpuState(VcpuState.SPECIAL_REGISTERS).get(vcpu);
          GuestMemory memory = context.parts().board().ram().memory();
          return new VirtualMemory(memory, special).read(address, target);
        });
  }

  /**
   * Raises a non-maskable interrupt on each vCPU whose local APIC takes it from the line LINT1, as
   * the NMI button of a PC does. The vCPUs are stopped meanwhile.
   *
   * @return the number of vCPUs that get it; a guest that has not set up LINT1 gets none
   * @throws MachineException if the guest does not run
   * @throws InterruptedException if the thread is interrupted while it waits for the vCPUs to stop
   */
  public int injectNmi() throws MachineException, InterruptedException {
    return whileStopped(
        instance -> {
          int interrupted = 0;
          List<byte[]> apics = instance.vcpuState(VcpuState.LOCAL_APIC);
          for (int i = 0; i < apics.size(); i++) {
            if (VcpuSetup.takesNmi(apics.get(i))) {
              instance.nmi(i);
              interrupted++;
            }
          }
          return interrupted;
        });
  }

  /**
   * Measures how fast the guest changes its memory, from samples of pages.
   *
   * @param time how long to wait between the two samples of each page
   * @param pagesPerGib number of pages to sample for each GiB of memory, at least 1
   * @return bytes per second, of all pages that have changed; a page counts once
   * @throws MachineException if the guest has not been started, or ends meanwhile
   * @throws InterruptedException if the thread is interrupted
   */
  public long dirtyRate(Duration time, int pagesPerGib)
      throws MachineException, InterruptedException {
    long began = System.nanoTime();
    PageSamples samples =
        whileAlive(() -> PageSamples.take(context.parts().board().ram(), pagesPerGib));
    Thread.sleep(time);
    double changed = whileAlive(samples::changed);
    double seconds = (System.nanoTime() - began) / (double) Duration.ofSeconds(1).toNanos();
    return (long) (changed * context.config().memoryBytes() / seconds);
  }

  /**
   * {@return the kinds of counters that KVM has of a VM; empty if it has none}
   *
   * @throws MachineException if the guest has not been started or has ended
   */
  public List<KvmStats.Kind> vmCounters() throws MachineException {
    return whileAlive(() -> context.lifecycle().instance().counters().kindsOfVm());
  }

  /**
   * {@return the kinds of counters that KVM has of a vCPU; empty if it has none}
   *
   * @throws MachineException if the guest has not been started or has ended
   */
  public List<KvmStats.Kind> vcpuCounters() throws MachineException {
    return whileAlive(() -> context.lifecycle().instance().counters().kindsOfVcpu());
  }

  private interface Work<T> {
    T run() throws IOException, GuestMemoryException, MachineException;
  }

  /** Does work during which the machine cannot be closed. */
  private <T> T whileAlive(Work<T> work) throws MachineException {
    MachineLifecycle lifecycle = context.lifecycle();
    lifecycle.closing().lock();
    try {
      if (!lifecycle.isAlive()) {
        throw new MachineException(NO_GUEST);
      }
      return work.run();
    } catch (IOException | GuestMemoryException e) {
      throw new MachineException(FailureText.of(e), e);
    } finally {
      lifecycle.closing().unlock();
    }
  }

  private interface StoppedWork<T> {
    T run(VmInstance instance) throws ErrnoException, MachineException;
  }

  /** Does work with the vCPUs stopped; a reset by the host waits meanwhile. */
  private <T> T whileStopped(StoppedWork<T> work) throws MachineException, InterruptedException {
    MachineLifecycle lifecycle = context.lifecycle();
    lifecycle.closing().lock();
    try (Standstill standstill = pauses.standstill()) {
      lifecycle.checkRuns(NO_GUEST);
      if (!standstill.stopUnreported()) {
        throw new MachineException(NO_GUEST);
      }
      lifecycle.lock().lock();
      try {
        return work.run(lifecycle.instance());
      } finally {
        lifecycle.lock().unlock();
      }
    } catch (ErrnoException e) {
      throw new MachineException(FailureText.of(e), e);
    } finally {
      lifecycle.closing().unlock();
    }
  }
}
