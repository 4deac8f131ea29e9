package org.microvm.machine.emulation;

/** Emulates related instructions. */
interface InstructionFamily {
  /**
   * Emulates an instruction of 64-bit mode if it belongs to this family, and resumes the vCPU after
   * it or at an exception.
   *
   * @param instruction the instruction at the vCPU's instruction pointer
   * @param cpu the vCPU, whose registers have been read
   * @return what was emulated; null if the instruction is of another family, or if emulating it
   *     would need memory that is not mapped: then nothing has changed
   */
  Emulated emulate(Instruction instruction, CpuAccess cpu);
}
