package org.microvm.sandbox;

import java.util.ArrayList;
import java.util.List;

/** Builds a {@link BpfProgram} with labels as the targets of jumps. Labels are placed once. */
final class BpfAssembler {
  /** The longest distance of a conditional jump. */
  private static final int MAX_DISTANCE = 255;

  /** A place in the program. */
  static final class Label {
    private int position = -1;
  }

  /** An instruction whose targets are labels; null stands for the next instruction. */
  private record Draft(int code, Label ifTrue, Label ifFalse, int operand) {}

  private final List<Draft> drafts = new ArrayList<>();

  /** The next instruction is the label's place. */
  void place(Label label) {
    if (label.position >= 0) {
      throw new IllegalStateException("the label has a place");
    }
    label.position = drafts.size();
  }

  /** Loads a 32-bit word of the data. */
  void load(int offset) {
    add(BpfProgram.LOAD, null, null, offset);
  }

  /** Keeps only the bits of a mask. */
  void and(int mask) {
    add(BpfProgram.AND, null, null, mask);
  }

  /** Jumps; null is the next instruction. */
  void jumpIfEqual(int value, Label ifTrue, Label ifFalse) {
    add(BpfProgram.JUMP_IF_EQUAL, ifTrue, ifFalse, value);
  }

  /** Jumps if the loaded word is at least the value, unsigned; null is the next instruction. */
  void jumpIfAtLeast(int value, Label ifTrue, Label ifFalse) {
    add(BpfProgram.JUMP_IF_AT_LEAST, ifTrue, ifFalse, value);
  }

  /** Jumps always. */
  void jump(Label target) {
    add(BpfProgram.JUMP, target, null, 0);
  }

  /** Ends with an action. */
  void end(int action) {
    add(BpfProgram.RETURN, null, null, action);
  }

  private void add(int code, Label ifTrue, Label ifFalse, int operand) {
    drafts.add(new Draft(code, ifTrue, ifFalse, operand));
  }

  /**
   * Returns the program.
   *
   * @throws IllegalStateException if a label has no place, is behind its jump, or is too far away
   */
  BpfProgram assemble() {
    List<BpfProgram.Instruction> instructions = new ArrayList<>();
    for (int i = 0; i < drafts.size(); i++) {
      Draft draft = drafts.get(i);
      if (draft.code() == BpfProgram.JUMP) {
        int distance = distance(i, draft.ifTrue(), Integer.MAX_VALUE);
        instructions.add(new BpfProgram.Instruction(BpfProgram.JUMP, 0, 0, distance));
      } else {
        instructions.add(
            new BpfProgram.Instruction(
                draft.code(),
                distance(i, draft.ifTrue(), MAX_DISTANCE),
                distance(i, draft.ifFalse(), MAX_DISTANCE),
                draft.operand()));
      }
    }
    return new BpfProgram(instructions);
  }

  private static int distance(int from, Label to, int most) {
    if (to == null) {
      return 0;
    }
    int distance = to.position - from - 1;
    if (distance < 0 || distance > most) {
      throw new IllegalStateException("a jump from %d to %d".formatted(from, to.position));
    }
    return distance;
  }
}
