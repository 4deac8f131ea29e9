package org.microvm.sandbox;

import java.util.List;

/** Runs a program of classic BPF as the kernel does, and checks what its verifier checks. */
final class BpfInterpreter {
  private BpfInterpreter() {}

  /**
   * Returns the action for a system call.
   *
   * @param arguments up to six
   */
  static int run(BpfProgram program, int architecture, int number, long... arguments) {
    int[] data = new int[16];
    data[0] = number;
    data[1] = architecture;
    for (int i = 0; i < arguments.length; i++) {
      data[4 + 2 * i] = (int) arguments[i];
      data[5 + 2 * i] = (int) (arguments[i] >>> 32);
    }
    List<BpfProgram.Instruction> code = program.instructions();
    int accumulator = 0;
    int next = 0;
    while (true) {
      BpfProgram.Instruction one = code.get(next++);
      switch (one.code()) {
        case BpfProgram.LOAD -> accumulator = data[one.operand() / 4];
        case BpfProgram.AND -> accumulator &= one.operand();
        case BpfProgram.JUMP -> next += one.operand();
        case BpfProgram.JUMP_IF_EQUAL ->
            next += accumulator == one.operand() ? one.ifTrue() : one.ifFalse();
        case BpfProgram.JUMP_IF_AT_LEAST ->
            next +=
                Integer.compareUnsigned(accumulator, one.operand()) >= 0
                    ? one.ifTrue()
                    : one.ifFalse();
        case BpfProgram.RETURN -> {
          return one.operand();
        }
        default -> throw new IllegalArgumentException(one.toString());
      }
    }
  }
}
