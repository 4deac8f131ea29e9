package org.microvm.sandbox;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * A program of classic BPF, as seccomp runs it at each system call (seccomp(2)). It reads a {@code
 * struct seccomp_data} and returns an action.
 *
 * @param instructions the program, in order; jumps lead forwards only
 */
record BpfProgram(List<Instruction> instructions) {
  /** The most that the kernel accepts: BPF_MAXINSNS of linux/bpf_common.h. */
  static final int MAX_INSTRUCTIONS = 4096;

  /** Codes of linux/bpf_common.h. */
  static final int LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS

  static final int AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
  static final int JUMP = 0x05; // BPF_JMP | BPF_JA
  static final int JUMP_IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
  static final int JUMP_IF_AT_LEAST = 0x35; // BPF_JMP | BPF_JGE | BPF_K, unsigned
  static final int RETURN = 0x06; // BPF_RET | BPF_K

  /** Sizes of {@code struct sock_filter} and {@code struct sock_fprog} of linux/filter.h. */
  private static final int FILTER_BYTES = 8;

  private static final int PROGRAM_BYTES = 16;

  /**
   * One instruction.
   *
   * @param code what it does
   * @param ifTrue how many instructions a conditional jump skips if its condition holds
   * @param ifFalse how many it skips otherwise
   * @param operand an offset, mask, value or action; for {@link #JUMP} the distance
   */
  record Instruction(int code, int ifTrue, int ifFalse, int operand) {}

  BpfProgram {
    instructions = List.copyOf(instructions);
    if (instructions.isEmpty() || instructions.size() > MAX_INSTRUCTIONS) {
      throw new IllegalArgumentException(instructions.size() + " instructions");
    }
  }

  /**
   * Returns a {@code struct sock_fprog} with the program. Each struct is written as words of 64
   * bits, because the first access of another size would take milliseconds of a start.
   */
  MemorySegment encode(Arena arena) {
    MemorySegment filters = arena.allocate((long) instructions.size() * FILTER_BYTES, FILTER_BYTES);
    for (int i = 0; i < instructions.size(); i++) {
      Instruction one = instructions.get(i);
      long head = one.code() | (long) one.ifTrue() << 16 | (long) one.ifFalse() << 24;
      long word = head | (long) one.operand() << Integer.SIZE;
      filters.set(ValueLayout.JAVA_LONG, (long) i * FILTER_BYTES, word);
    }
    MemorySegment program = arena.allocate(PROGRAM_BYTES, Long.BYTES);
    program.set(ValueLayout.JAVA_LONG, 0, instructions.size());
    program.set(ValueLayout.JAVA_LONG, Long.BYTES, filters.address());
    return program;
  }
}
