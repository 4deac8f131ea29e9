package org.microvm.machine.vcpu;

/**
 * The registers and code of a stopped vCPU, as far as finishing an instruction needs them.
 *
 * <p>Only the vCPU's own thread calls.
 */
interface CpuAccess {
  /** The instruction pointer. */
  long rip();

  /** The flags register. */
  long rflags();

  /** Sets the instruction pointer and the flags register. */
  void resume(long rip, long rflags);

  /** Queues an exception without error code, to be delivered at the next entry. */
  void injectException(int vector);

  /**
   * The code bytes at the instruction pointer; fewer than 15 where the mapping ends, maybe none.
   */
  byte[] code();
}
