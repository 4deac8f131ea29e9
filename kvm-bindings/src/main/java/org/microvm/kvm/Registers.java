package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.bindings.kvm_regs;

/**
 * A vCPU's general registers: a reusable buffer that {@link Vcpu} reads into or sets from (KVM API,
 * KVM_GET_REGS, KVM_SET_REGS). Not thread-safe.
 */
public final class Registers {
  /** Where the registers are in the kernel's struct, by their numbers in instruction encodings. */
  private static final long[] OFFSETS = {
    kvm_regs.rax$offset(),
    kvm_regs.rcx$offset(),
    kvm_regs.rdx$offset(),
    kvm_regs.rbx$offset(),
    kvm_regs.rsp$offset(),
    kvm_regs.rbp$offset(),
    kvm_regs.rsi$offset(),
    kvm_regs.rdi$offset(),
    kvm_regs.r8$offset(),
    kvm_regs.r9$offset(),
    kvm_regs.r10$offset(),
    kvm_regs.r11$offset(),
    kvm_regs.r12$offset(),
    kvm_regs.r13$offset(),
    kvm_regs.r14$offset(),
    kvm_regs.r15$offset()
  };

  private final MemorySegment segment = Arena.ofAuto().allocate(kvm_regs.layout());

  /** Creates a buffer of zeros. */
  public Registers() {}

  /** The kernel's struct. */
  MemorySegment segment() {
    return segment;
  }

  /** {@return all 64 bits of RAX} */
  public long rax() {
    return kvm_regs.rax(segment);
  }

  /**
   * Sets RAX.
   *
   * @param value all 64 bits
   */
  public void rax(long value) {
    kvm_regs.rax(segment, value);
  }

  /** {@return all 64 bits of RBX} */
  public long rbx() {
    return kvm_regs.rbx(segment);
  }

  /**
   * Sets RBX.
   *
   * @param value all 64 bits
   */
  public void rbx(long value) {
    kvm_regs.rbx(segment, value);
  }

  /** {@return all 64 bits of RCX} */
  public long rcx() {
    return kvm_regs.rcx(segment);
  }

  /**
   * Sets RCX.
   *
   * @param value all 64 bits
   */
  public void rcx(long value) {
    kvm_regs.rcx(segment, value);
  }

  /** {@return all 64 bits of RDX} */
  public long rdx() {
    return kvm_regs.rdx(segment);
  }

  /**
   * Sets RDX.
   *
   * @param value all 64 bits
   */
  public void rdx(long value) {
    kvm_regs.rdx(segment, value);
  }

  /** {@return all 64 bits of RSI} */
  public long rsi() {
    return kvm_regs.rsi(segment);
  }

  /**
   * Sets RSI.
   *
   * @param value all 64 bits
   */
  public void rsi(long value) {
    kvm_regs.rsi(segment, value);
  }

  /** {@return all 64 bits of RDI} */
  public long rdi() {
    return kvm_regs.rdi(segment);
  }

  /**
   * Sets RDI.
   *
   * @param value all 64 bits
   */
  public void rdi(long value) {
    kvm_regs.rdi(segment, value);
  }

  /** {@return all 64 bits of RSP} */
  public long rsp() {
    return kvm_regs.rsp(segment);
  }

  /**
   * Sets RSP.
   *
   * @param value all 64 bits
   */
  public void rsp(long value) {
    kvm_regs.rsp(segment, value);
  }

  /** {@return all 64 bits of RBP} */
  public long rbp() {
    return kvm_regs.rbp(segment);
  }

  /**
   * Sets RBP.
   *
   * @param value all 64 bits
   */
  public void rbp(long value) {
    kvm_regs.rbp(segment, value);
  }

  /** {@return all 64 bits of R8} */
  public long r8() {
    return kvm_regs.r8(segment);
  }

  /**
   * Sets R8.
   *
   * @param value all 64 bits
   */
  public void r8(long value) {
    kvm_regs.r8(segment, value);
  }

  /** {@return all 64 bits of R9} */
  public long r9() {
    return kvm_regs.r9(segment);
  }

  /**
   * Sets R9.
   *
   * @param value all 64 bits
   */
  public void r9(long value) {
    kvm_regs.r9(segment, value);
  }

  /** {@return all 64 bits of R10} */
  public long r10() {
    return kvm_regs.r10(segment);
  }

  /**
   * Sets R10.
   *
   * @param value all 64 bits
   */
  public void r10(long value) {
    kvm_regs.r10(segment, value);
  }

  /** {@return all 64 bits of R11} */
  public long r11() {
    return kvm_regs.r11(segment);
  }

  /**
   * Sets R11.
   *
   * @param value all 64 bits
   */
  public void r11(long value) {
    kvm_regs.r11(segment, value);
  }

  /** {@return all 64 bits of R12} */
  public long r12() {
    return kvm_regs.r12(segment);
  }

  /**
   * Sets R12.
   *
   * @param value all 64 bits
   */
  public void r12(long value) {
    kvm_regs.r12(segment, value);
  }

  /** {@return all 64 bits of R13} */
  public long r13() {
    return kvm_regs.r13(segment);
  }

  /**
   * Sets R13.
   *
   * @param value all 64 bits
   */
  public void r13(long value) {
    kvm_regs.r13(segment, value);
  }

  /** {@return all 64 bits of R14} */
  public long r14() {
    return kvm_regs.r14(segment);
  }

  /**
   * Sets R14.
   *
   * @param value all 64 bits
   */
  public void r14(long value) {
    kvm_regs.r14(segment, value);
  }

  /** {@return all 64 bits of R15} */
  public long r15() {
    return kvm_regs.r15(segment);
  }

  /**
   * Sets R15.
   *
   * @param value all 64 bits
   */
  public void r15(long value) {
    kvm_regs.r15(segment, value);
  }

  /**
   * Returns a general register.
   *
   * @param number its number in instruction encodings, 0 to 15: RAX, RCX, RDX, RBX, RSP, RBP, RSI,
   *     RDI, R8 to R15
   * @return its 64 bits
   */
  public long general(int number) {
    return segment.get(ValueLayout.JAVA_LONG, OFFSETS[number]);
  }

  /**
   * Sets a general register.
   *
   * @param number its number in instruction encodings, 0 to 15
   * @param value its 64 bits
   */
  public void general(int number, long value) {
    segment.set(ValueLayout.JAVA_LONG, OFFSETS[number], value);
  }

  /** {@return RIP, the linear address of the next instruction} */
  public long rip() {
    return kvm_regs.rip(segment);
  }

  /**
   * Sets RIP.
   *
   * @param value linear address of the next instruction
   */
  public void rip(long value) {
    kvm_regs.rip(segment, value);
  }

  /** {@return RFLAGS; bit 1 is always set} */
  public long rflags() {
    return kvm_regs.rflags(segment);
  }

  /**
   * Sets RFLAGS.
   *
   * @param value the flags; KVM sets bit 1
   */
  public void rflags(long value) {
    kvm_regs.rflags(segment, value);
  }

  /**
   * Formats all registers for a log or an error message.
   *
   * @return five lines of hexadecimal numbers, separated by line feeds
   */
  public String dump() {
    return """
    rip %016x  rflags %016x
    rax %016x  rbx %016x  rcx %016x  rdx %016x
    rsi %016x  rdi %016x  rsp %016x  rbp %016x
    r8  %016x  r9  %016x  r10 %016x  r11 %016x
    r12 %016x  r13 %016x  r14 %016x  r15 %016x"""
        .formatted(
            rip(), rflags(), rax(), rbx(), rcx(), rdx(), rsi(), rdi(), rsp(), rbp(), r8(), r9(),
            r10(), r11(), r12(), r13(), r14(), r15());
  }
}
