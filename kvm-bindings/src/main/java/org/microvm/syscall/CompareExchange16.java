package org.microvm.syscall;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.HexFormat;
import org.microvm.bindings.Linux;

/**
 * The instruction {@code LOCK CMPXCHG16B}, which Java cannot express: a machine code function in an
 * executable mapping of a memory file. Every processor with VMX or SVM has the instruction.
 *
 * <p>The mapping is never writable. It is made with the first call and stays. Any thread may call.
 */
public final class CompareExchange16 {
  /** From asm-generic/mman-common.h, which the generated constants do not include. */
  private static final int PROT_EXEC = 4;

  private static final int PAGE = 4096;

  /** Parameters of the System V ABI: RDI the memory, RSI the expected value, RDX the new one. */
  private static final byte[] CODE =
      HexFormat.of()
          .parseHex(
              "53" // push rbx
                  + "4989d0" // mov r8, rdx
                  + "488b06" // mov rax, [rsi]
                  + "488b5608" // mov rdx, [rsi + 8]
                  + "498b18" // mov rbx, [r8]
                  + "498b4808" // mov rcx, [r8 + 8]
                  + "f0480fc70f" // lock cmpxchg16b [rdi]
                  + "488906" // mov [rsi], rax
                  + "48895608" // mov [rsi + 8], rdx
                  + "0f94c0" // sete al
                  + "0fb6c0" // movzx eax, al
                  + "5b" // pop rbx
                  + "c3"); // ret

  private static final MemorySegment FUNCTION = map();

  private CompareExchange16() {}

  private static MemorySegment map() {
    long file = check(Syscalls.memfdCreate("cmpxchg16b", 0), "memfd_create");
    try {
      MemorySegment code = Syscalls.scratch(CODE.length).copyFrom(MemorySegment.ofArray(CODE));
      check(Syscalls.pwrite((int) file, code.address(), CODE.length, 0), "write");
      int protection = Linux.PROT_READ() | PROT_EXEC;
      long address = Syscalls.mmap(PAGE, protection, Linux.MAP_PRIVATE(), (int) file, 0);
      return MemorySegment.ofAddress(check(address, "mmap"));
    } finally {
      Syscalls.close((int) file);
    }
  }

  private static long check(long result, String call) {
    if (result < 0) {
      throw new IllegalStateException("code for CMPXCHG16B: %s: %d".formatted(call, result));
    }
    return result;
  }

  /**
   * Compares 16 bytes and replaces them if they are equal.
   *
   * @param memory the bytes, native memory at a multiple of 16
   * @param expected the low and the high half that are expected; on return, those that were found
   * @param low the new low half
   * @param high the new high half
   * @return whether the bytes were replaced
   * @throws IllegalArgumentException if the address is not a multiple of 16
   */
  public static boolean run(MemorySegment memory, long[] expected, long low, long high) {
    if (memory.byteSize() != 16 || memory.address() % 16 != 0) {
      throw new IllegalArgumentException(
          "CMPXCHG16B of %d bytes at 0x%x: 16 aligned bytes are needed"
              .formatted(memory.byteSize(), memory.address()));
    }
    MemorySegment values = Syscalls.scratch(32);
    values.setAtIndex(ValueLayout.JAVA_LONG, 0, expected[0]);
    values.setAtIndex(ValueLayout.JAVA_LONG, 1, expected[1]);
    values.setAtIndex(ValueLayout.JAVA_LONG, 2, low);
    values.setAtIndex(ValueLayout.JAVA_LONG, 3, high);
    long address = values.address();
    try {
      boolean exchanged =
          Syscalls.callFunction(FUNCTION, memory.address(), address, address + 16) != 0;
      expected[0] = values.getAtIndex(ValueLayout.JAVA_LONG, 0);
      expected[1] = values.getAtIndex(ValueLayout.JAVA_LONG, 1);
      return exchanged;
    } finally {
      Reference.reachabilityFence(memory);
    }
  }
}
