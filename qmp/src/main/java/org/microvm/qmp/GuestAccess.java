package org.microvm.qmp;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.microvm.kvm.KvmStats;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;

/** What a control socket does with a guest beyond running it. All methods may block for a while. */
public interface GuestAccess {
  /**
   * Reads memory; addresses without RAM read as zeros.
   *
   * @param address guest-physical address of the first byte
   * @param target filled with the bytes
   * @throws IOException if the guest has not been started or has ended
   */
  void readPhysical(long address, byte[] target) throws IOException;

  /**
   * Reads memory by its virtual address.
   *
   * @param vcpu index of the vCPU whose page tables translate the address
   * @param address virtual address of the first byte
   * @param target filled with the bytes
   * @return whether all of them are mapped to RAM
   * @throws IOException if the guest does not run
   */
  boolean readVirtual(int vcpu, long address, byte[] target) throws IOException;

  /**
   * Presses the NMI button.
   *
   * @throws IOException if the guest does not run
   */
  void injectNmi() throws IOException;

  /**
   * Measures how fast the guest changes its memory.
   *
   * @param time how long to measure
   * @param pagesPerGib number of pages to sample for each GiB of memory
   * @return bytes per second
   * @throws IOException if the guest does not run all that time
   */
  long dirtyRate(Duration time, int pagesPerGib) throws IOException;

  /**
   * {@return the kinds of counters that KVM has}
   *
   * @param vcpu true for the counters of a vCPU, false for those of the VM
   * @throws IOException if the guest does not run
   */
  List<KvmStats.Kind> counters(boolean vcpu) throws IOException;

  /**
   * Sets what happens if the guest requests a reset.
   *
   * @param action what happens from now on
   */
  void onReset(OnReset action);

  /**
   * Sets what happens if the guest's kernel panics.
   *
   * @param action what happens from now on
   */
  void onPanic(OnPanic action);
}
