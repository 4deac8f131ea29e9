package org.microvm.machine.emulation;

import org.microvm.memory.GuestMemory;

/**
 * The state of a stopped vCPU that emulating an instruction needs.
 *
 * <p>{@link #begin} reads the registers; the setters change the copy, and {@link #resume} writes it
 * back. If an instruction cannot be emulated, {@code resume} is not called and nothing changes.
 * Only the vCPU's thread calls these methods.
 */
public interface CpuAccess {
  /** Reads the vCPU's registers; call it once for each instruction, before anything else. */
  void begin();

  /** The instruction pointer. */
  long rip();

  /** The flags register. */
  long rflags();

  /**
   * A general register.
   *
   * @param number its number in instruction encodings: 0 is RAX, 4 is RSP, 8 is R8
   */
  long register(int number);

  /**
   * Sets a general register.
   *
   * @param number its number in instruction encodings
   */
  void register(int number, long value);

  /** Writes the registers back, with this instruction pointer and these flags. */
  void resume(long rip, long rflags);

  /** Queues an exception without error code, to be delivered at the next entry. */
  void injectException(int vector);

  /** Queues an exception with an error code, to be delivered at the next entry. */
  void injectException(int vector, int errorCode);

  /**
   * The code bytes at the instruction pointer that KVM has read: up to 15, fewer where the mapping
   * ends, possibly none.
   */
  byte[] code();

  /** Whether the vCPU is in 64-bit mode with paging on. */
  boolean is64Bit();

  /** The current privilege level: 0 for the kernel, 3 for user programs. */
  int privilegeLevel();

  /** The base address of FS. */
  long fsBase();

  /** The base address of GS. */
  long gsBase();

  /** The address of the interrupt descriptor table. */
  long idtBase();

  /**
   * A model-specific register.
   *
   * @return 0 if KVM does not have it
   */
  long msr(int index);

  /**
   * Loads CS and SS with flat 64-bit user segments, so that the vCPU is at privilege level 3.
   *
   * @param code the selector for CS
   * @param stack the selector for SS
   */
  void enterUserMode(int code, int stack);

  /** Makes the vCPU exit whenever it is about to execute the kernel's instruction at an address. */
  void breakpoint(long address);

  /** The page tables in use; valid if {@link #is64Bit}. */
  GuestPageTables pageTables();

  /** The guest's RAM. */
  GuestMemory memory();
}
