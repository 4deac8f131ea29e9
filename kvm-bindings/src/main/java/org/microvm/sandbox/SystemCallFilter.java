package org.microvm.sandbox;

import java.util.ArrayList;
import java.util.List;

/**
 * Translates a {@link SystemCallPolicy} to a program: a binary search over the calls' numbers, and
 * for each call with conditions a block that tests its arguments. The kernel does not run the
 * program for calls that are always allowed (seccomp's action cache, since Linux 5.11).
 */
final class SystemCallFilter {
  /** AUDIT_ARCH_X86_64 of linux/audit.h. */
  static final int X86_64 = 0xc000_003e;

  /** The bit in the numbers of the x32 ABI. */
  static final int X32 = 0x4000_0000;

  /** Offsets of {@code struct seccomp_data}, linux/seccomp.h. */
  static final int NUMBER = 0;

  static final int ARCHITECTURE = 4;
  static final int ARGUMENTS = 16;

  /** Where the conditions of a call are tested. */
  private record Block(SystemCall call, BpfAssembler.Label start) {}

  /**
   * The calls from a number to the next range.
   *
   * @param test the call with conditions; null if the action is fixed
   */
  private record Range(int start, int action, Block test) {}

  private final SystemCallPolicy policy;
  private final BpfAssembler assembler = new BpfAssembler();
  private final List<Block> blocks = new ArrayList<>();

  private SystemCallFilter(SystemCallPolicy policy) {
    this.policy = policy;
  }

  /** Returns the program for a policy. */
  static BpfProgram compile(SystemCallPolicy policy) {
    return new SystemCallFilter(policy).compile();
  }

  private BpfProgram compile() {
    BpfAssembler.Label supported = new BpfAssembler.Label();
    assembler.load(ARCHITECTURE);
    assembler.jumpIfEqual(X86_64, supported, null);
    assembler.end(policy.refusal());
    assembler.place(supported);
    assembler.load(NUMBER);
    search(ranges());
    blocks.forEach(this::place);
    return assembler.assemble();
  }

  private List<Range> ranges() {
    List<Range> ranges = new ArrayList<>();
    int next = 0;
    for (SystemCall call : policy.calls()) {
      if (call.number() > next) {
        ranges.add(new Range(next, policy.refusal(), null));
      }
      boolean tested = !call.tests().isEmpty();
      Range last = ranges.isEmpty() ? null : ranges.getLast();
      boolean continues =
          last != null && !tested && last.test() == null && last.action() == SystemCallPolicy.ALLOW;
      if (!continues) {
        Block block = tested ? new Block(call, new BpfAssembler.Label()) : null;
        if (tested) {
          blocks.add(block);
        }
        ranges.add(new Range(call.number(), SystemCallPolicy.ALLOW, block));
      }
      next = call.number() + 1;
    }
    ranges.add(new Range(next, policy.refusal(), null));
    int missing = SystemCallPolicy.errno(SystemCallPolicy.ENOSYS);
    ranges.add(new Range(SystemCallPolicy.NEWEST + 1, missing, null));
    ranges.add(new Range(X32, policy.refusal(), null));
    return ranges;
  }

  private void search(List<Range> ranges) {
    if (ranges.size() == 1) {
      Range only = ranges.getFirst();
      if (only.test() == null) {
        assembler.end(only.action());
      } else {
        assembler.jump(only.test().start());
      }
      return;
    }
    int middle = ranges.size() / 2;
    BpfAssembler.Label upper = new BpfAssembler.Label();
    assembler.jumpIfAtLeast(ranges.get(middle).start(), upper, null);
    search(ranges.subList(0, middle));
    assembler.place(upper);
    search(ranges.subList(middle, ranges.size()));
  }

  private void place(Block block) {
    BpfAssembler.Label allow = new BpfAssembler.Label();
    assembler.place(block.start());
    for (ArgumentTest test : block.call().tests()) {
      BpfAssembler.Label next = new BpfAssembler.Label();
      int low = ARGUMENTS + test.argument() * Long.BYTES;
      int highMask = (int) (test.mask() >>> Integer.SIZE);
      if (highMask != 0) {
        word(low + Integer.BYTES, highMask);
        assembler.jumpIfEqual((int) (test.value() >>> Integer.SIZE), null, next);
      }
      word(low, (int) test.mask());
      assembler.jumpIfEqual((int) test.value(), allow, next);
      assembler.place(next);
    }
    assembler.end(SystemCallPolicy.errno(block.call().refusal()));
    assembler.place(allow);
    assembler.end(SystemCallPolicy.ALLOW);
  }

  private void word(int offset, int mask) {
    assembler.load(offset);
    if (mask != -1) {
      assembler.and(mask);
    }
  }
}
