package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.kvm_dtable;
import org.microvm.bindings.kvm_segment;
import org.microvm.bindings.kvm_sregs;

/**
 * A vCPU's segment and control registers: a reusable buffer that {@link Vcpu} reads into or sets
 * from (KVM API, KVM_GET_SREGS, KVM_SET_SREGS). Not thread-safe. Read it from the vCPU before
 * setting it, because it also holds interrupts that are about to be delivered.
 */
public final class SpecialRegisters {
  private final MemorySegment segment = Arena.ofAuto().allocate(kvm_sregs.layout());

  /** Creates a buffer of zeros. */
  public SpecialRegisters() {}

  /** The segment registers. */
  public enum Name {
    /** Code. */
    CS(kvm_sregs.cs$offset()),
    /** Data. */
    DS(kvm_sregs.ds$offset()),
    /** Extra data. */
    ES(kvm_sregs.es$offset()),
    /** Per-thread data, by convention. */
    FS(kvm_sregs.fs$offset()),
    /** Per-processor data, by convention. */
    GS(kvm_sregs.gs$offset()),
    /** Stack. */
    SS(kvm_sregs.ss$offset()),
    /** Task. */
    TR(kvm_sregs.tr$offset()),
    /** Local descriptor table. */
    LDT(kvm_sregs.ldt$offset());

    private final long offset;

    Name(long offset) {
      this.offset = offset;
    }
  }

  /** The kernel's struct. */
  MemorySegment segment() {
    return segment;
  }

  /**
   * {@return a segment register including its hidden part}
   *
   * @param name the register
   */
  public Segment get(Name name) {
    MemorySegment at = segment.asSlice(name.offset, kvm_segment.layout());
    return new Segment(
        kvm_segment.base(at),
        kvm_segment.limit(at),
        kvm_segment.selector(at) & 0xffff,
        new Segment.Attributes(
            kvm_segment.type(at),
            kvm_segment.present(at) != 0,
            kvm_segment.dpl(at),
            kvm_segment.db(at) != 0,
            kvm_segment.s(at) != 0,
            kvm_segment.l(at) != 0,
            kvm_segment.g(at) != 0,
            kvm_segment.avl(at) != 0,
            kvm_segment.unusable(at) != 0));
  }

  /**
   * Sets a segment register including its hidden part.
   *
   * @param name the register
   * @param value what both parts shall hold
   */
  public void set(Name name, Segment value) {
    MemorySegment at = segment.asSlice(name.offset, kvm_segment.layout());
    Segment.Attributes attributes = value.attributes();
    kvm_segment.base(at, value.base());
    kvm_segment.limit(at, value.limit());
    kvm_segment.selector(at, (short) value.selector());
    kvm_segment.type(at, (byte) attributes.type());
    kvm_segment.present(at, bit(attributes.present()));
    kvm_segment.dpl(at, (byte) attributes.dpl());
    kvm_segment.db(at, bit(attributes.db()));
    kvm_segment.s(at, bit(attributes.s()));
    kvm_segment.l(at, bit(attributes.l()));
    kvm_segment.g(at, bit(attributes.g()));
    kvm_segment.avl(at, bit(attributes.avl()));
    kvm_segment.unusable(at, bit(attributes.unusable()));
  }

  /** {@return the location of the global descriptor table} */
  public DescriptorTable gdt() {
    return table(kvm_sregs.gdt$offset());
  }

  /**
   * Sets the location of the global descriptor table.
   *
   * @param value linear address and size
   */
  public void gdt(DescriptorTable value) {
    table(kvm_sregs.gdt$offset(), value);
  }

  /** {@return the location of the interrupt descriptor table} */
  public DescriptorTable idt() {
    return table(kvm_sregs.idt$offset());
  }

  /**
   * Sets the location of the interrupt descriptor table.
   *
   * @param value linear address and size
   */
  public void idt(DescriptorTable value) {
    table(kvm_sregs.idt$offset(), value);
  }

  /** {@return CR0, the modes of the processor} */
  public long cr0() {
    return kvm_sregs.cr0(segment);
  }

  /**
   * Sets CR0.
   *
   * @param value the modes of the processor
   */
  public void cr0(long value) {
    kvm_sregs.cr0(segment, value);
  }

  /** {@return CR2, the linear address of the last page fault} */
  public long cr2() {
    return kvm_sregs.cr2(segment);
  }

  /**
   * Sets CR2.
   *
   * @param value linear address of a page fault
   */
  public void cr2(long value) {
    kvm_sregs.cr2(segment, value);
  }

  /** {@return CR3, the guest-physical address of the top page table, and flags} */
  public long cr3() {
    return kvm_sregs.cr3(segment);
  }

  /**
   * Sets CR3.
   *
   * @param value guest-physical address of the top page table, and flags
   */
  public void cr3(long value) {
    kvm_sregs.cr3(segment, value);
  }

  /** {@return CR4, the extensions in use} */
  public long cr4() {
    return kvm_sregs.cr4(segment);
  }

  /**
   * Sets CR4.
   *
   * @param value the extensions in use
   */
  public void cr4(long value) {
    kvm_sregs.cr4(segment, value);
  }

  /** {@return CR8, the task priority, 0 to 15} */
  public long cr8() {
    return kvm_sregs.cr8(segment);
  }

  /**
   * Sets CR8.
   *
   * @param value the task priority, 0 to 15
   */
  public void cr8(long value) {
    kvm_sregs.cr8(segment, value);
  }

  /** {@return EFER, which turns long mode and SYSCALL on} */
  public long efer() {
    return kvm_sregs.efer(segment);
  }

  /**
   * Sets EFER.
   *
   * @param value the extended features that are on, such as long mode
   */
  public void efer(long value) {
    kvm_sregs.efer(segment, value);
  }

  /**
   * {@return the local APIC's base address register: guest-physical address of its page, and flags}
   */
  public long apicBase() {
    return kvm_sregs.apic_base(segment);
  }

  /**
   * Sets the local APIC's base address register.
   *
   * @param value guest-physical address of the page, and flags
   */
  public void apicBase(long value) {
    kvm_sregs.apic_base(segment, value);
  }

  private DescriptorTable table(long offset) {
    MemorySegment at = segment.asSlice(offset, kvm_dtable.layout());
    return new DescriptorTable(kvm_dtable.base(at), kvm_dtable.limit(at) & 0xffff);
  }

  private void table(long offset, DescriptorTable value) {
    MemorySegment at = segment.asSlice(offset, kvm_dtable.layout());
    kvm_dtable.base(at, value.base());
    kvm_dtable.limit(at, (short) value.limit());
  }

  private static byte bit(boolean set) {
    return (byte) (set ? 1 : 0);
  }
}
