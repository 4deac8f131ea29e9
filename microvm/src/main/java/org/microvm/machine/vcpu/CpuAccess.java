package org.microvm.machine.vcpu;

/**
 * The registers and code bytes of a stopped vCPU that emulating an instruction needs.
 *
 * <p>Only the vCPU's thread calls these methods.
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
   * The code bytes at the instruction pointer: up to 15, fewer where the mapping ends, possibly
   * none.
   */
  byte[] code();
}
