package org.microvm.machine.emulation;

import java.util.Arrays;

/**
 * Completes the SYSCALL instructions of user programs where KVM emulates the guest's kernel.
 *
 * <p>kvm-pvm runs user programs natively. A SYSCALL there sets RIP, RCX, R11 and RFLAGS as it
 * should, but the processor stays at privilege level 3, so fetching the first instruction of the
 * kernel's entry point faults. The guest's kernel sees a page fault of a user program at that
 * address, and kills it unless it is patched.
 *
 * <p>This class sets a breakpoint at the kernel's page fault handler. When the guest stops there,
 * the stack has the fault's frame. If it is that of a SYSCALL, the vCPU continues at the entry
 * point, as if the instruction had worked. Otherwise it continues in the handler. Nothing in the
 * guest is changed. A page fault costs one more exit.
 *
 * <p>The breakpoint is set when the kernel executes INT3, which every Linux does once, in a
 * self-test before its first user program (int3_selftest in arch/x86/kernel/alternative.c). Kernels
 * that are patched for such hosts leave the test out and are not touched.
 *
 * <p>Used by one vCPU's thread.
 */
public final class SystemCalls {
  private static final int PAGE_FAULT = 14;
  private static final int GATE_BYTES = 16;
  private static final int RSP = 4;
  private static final int USER = 3;
  private static final int LONGEST_FIRST_INSTRUCTION = 8;

  /** The frame of an exception with an error code, in bytes from RSP. */
  private static final int FRAME_RIP = 8;

  private static final int FRAME_CS = 16;
  private static final int FRAME_RFLAGS = 24;
  private static final int FRAME_RSP = 32;

  private final CpuAccess cpu;

  /** The page fault handler; 0 until the breakpoint is set. */
  private long handler;

  private long entry;
  private long clearedFlags;
  private volatile long completed;

  /** Completes the system calls of this vCPU. */
  public SystemCalls(CpuAccess cpu) {
    this.cpu = cpu;
  }

  /** How many system calls were completed; any thread may call. */
  long completed() {
    return completed;
  }

  /**
   * Sets the breakpoint if the kernel has installed its entry point for SYSCALL and its page fault
   * handler; called when the guest has executed INT3.
   */
  void prepare() {
    if (handler != 0 || !cpu.is64Bit() || cpu.privilegeLevel() != 0) {
      return;
    }
    long installed = cpu.msr(ModelSpecificRegisters.LSTAR);
    GuestPageTables tables = cpu.pageTables();
    long gate = cpu.idtBase() + PAGE_FAULT * GATE_BYTES;
    long low = tables.read(gate);
    long target = low & 0xffff | (low >>> 32 & 0xffff_0000L) | tables.read(gate + Long.BYTES) << 32;
    if (installed != 0 && target != 0) {
      start(target);
    }
  }

  private void start(long pageFaultHandler) {
    entry = cpu.msr(ModelSpecificRegisters.LSTAR);
    clearedFlags = cpu.msr(ModelSpecificRegisters.SYSCALL_MASK);
    handler = pageFaultHandler;
    cpu.breakpoint(pageFaultHandler);
  }

  /** The address of the breakpoint, for a snapshot; 0 if there is none. The vCPU must be paused. */
  public long handler() {
    return handler;
  }

  /**
   * Sets the breakpoint of a guest that was saved, whose registers have been restored.
   *
   * @param pageFaultHandler what {@link #handler} returned
   */
  public void restore(long pageFaultHandler) {
    start(pageFaultHandler);
  }

  /**
   * Continues from the breakpoint.
   *
   * @param address where the vCPU has stopped
   * @return false if that is not this breakpoint, or if the handler begins with an instruction that
   *     is not a known one; then nothing has changed
   */
  @SuppressWarnings("NonAtomicVolatileUpdate") // only the vCPU's thread counts
  public boolean resume(long address) {
    if (handler == 0 || address != handler) {
      return false;
    }
    cpu.begin();
    GuestPageTables tables = cpu.pageTables();
    long frame = cpu.register(RSP);
    boolean user = (tables.read(frame + FRAME_CS) & USER) == USER;
    if (user && tables.read(frame + FRAME_RIP) == entry) {
      cpu.register(RSP, tables.read(frame + FRAME_RSP));
      cpu.resume(entry, tables.read(frame + FRAME_RFLAGS) & ~clearedFlags | Flags.ALWAYS);
      completed++;
      return true;
    }
    return stepOver();
  }

  /**
   * Executes the handler's first instruction: at the breakpoint itself the guest would stop again.
   */
  private boolean stepOver() {
    byte[] longest = new byte[LONGEST_FIRST_INSTRUCTION];
    int read = cpu.pageTables().read(cpu.rip(), longest, 0, 0);
    if (read == 0) {
      return false;
    }
    byte[] bytes = Arrays.copyOf(longest, read);
    long next = cpu.rip();
    long flags = cpu.rflags();
    int first = bytes[0] & 0xff;
    if (first == 0xfc) {
      cpu.resume(next + 1, flags & ~Flags.DIRECTION); // cld
      return true;
    }
    if (first == 0x90) {
      cpu.resume(next + 1, flags); // nop
      return true;
    }
    Instruction instruction = InstructionDecoder.decode(bytes);
    if (instruction == null) {
      return false;
    }
    // ENDBR64 and NOPs of several bytes.
    boolean nothing =
        instruction.opcode() == 0x90
            || instruction.opcode() == 0x0f1f
            || instruction.opcode() == 0x0f1e;
    boolean clac = instruction.opcode() == 0x0f01 && instruction.modRm() == 0xca;
    if (nothing || clac) {
      cpu.resume(next + instruction.length(), clac ? flags & ~Flags.ALIGNMENT_CHECK : flags);
    }
    return nothing || clac;
  }
}
