package org.microvm.machine.emulation;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Emulates the few instructions that KVM's own emulator lacks.
 *
 * <p>On a host without hardware virtualization (kvm-pvm), guest kernel code runs in KVM's
 * instruction emulator. At an instruction that the emulator lacks, KVM_RUN returns
 * KVM_EXIT_INTERNAL_ERROR with suberror KVM_INTERNAL_ERROR_EMULATION. This class emulates those
 * that stock kernels run. With hardware virtualization this never happens. Used by one vCPU's
 * thread; other threads may read the counts.
 */
public final class InstructionEmulator {
  private static final List<InstructionFamily> FAMILIES =
      List.of(new BitCounts(), new WideCompareExchange(), new SystemReturn());

  private final CpuAccess cpu;
  private final SystemCalls systemCalls;
  private final long[] counts = new long[Emulated.values().length];

  /** Emulates instructions of this vCPU. */
  public InstructionEmulator(CpuAccess cpu) {
    this.cpu = cpu;
    systemCalls = new SystemCalls(cpu);
  }

  /**
   * Emulates the instruction at the instruction pointer.
   *
   * @return false if it cannot be emulated; then nothing has changed
   */
  public boolean emulate() {
    cpu.begin();
    byte[] code = cpu.code();
    Emulated done = SimpleInstructions.emulate(code, cpu);
    if (done == null && cpu.is64Bit()) {
      done = emulateWithOperands(code);
    }
    if (done == null) {
      return false;
    }
    counts[done.ordinal()]++;
    if (done == Emulated.INT3) {
      systemCalls.prepare();
    }
    return true;
  }

  /** Completes the system calls of user programs. */
  public SystemCalls systemCalls() {
    return systemCalls;
  }

  private Emulated emulateWithOperands(byte[] code) {
    Instruction instruction = InstructionDecoder.decode(code);
    if (instruction == null) {
      instruction = InstructionDecoder.decode(completed(code));
    }
    if (instruction == null) {
      return null;
    }
    for (InstructionFamily family : FAMILIES) {
      Emulated done = family.emulate(instruction, cpu);
      if (done != null) {
        return done;
      }
    }
    return null;
  }

  /** Reads on where KVM stopped reading code, which may be at the end of a page. */
  private byte[] completed(byte[] code) {
    byte[] all = Arrays.copyOf(code, InstructionDecoder.LONGEST);
    int more = cpu.pageTables().read(cpu.rip() + code.length, all, code.length, 0);
    return Arrays.copyOf(all, code.length + more);
  }

  /** How often each instruction was emulated, by mnemonic, without those that never were. */
  public Map<String, Long> counts() {
    Map<String, Long> map = new TreeMap<>();
    for (Emulated instruction : Emulated.values()) {
      if (counts[instruction.ordinal()] > 0) {
        map.put(instruction.mnemonic(), counts[instruction.ordinal()]);
      }
    }
    if (systemCalls.completed() > 0) {
      map.put("syscall", systemCalls.completed());
    }
    return map;
  }
}
