package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.microvm.bindings.kvm_dtable;
import org.microvm.bindings.kvm_segment;
import org.microvm.bindings.kvm_sregs;

/**
 * A vCPU's segment and control registers: a reusable buffer that {@link Vcpu} reads into or sets
 * from. Not thread-safe. Read it from the vCPU before setting it, because it also holds interrupts
 * that are about to be delivered.
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

  /** A segment register including its hidden part. */
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

  /** Sets a segment register including its hidden part. */
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

  /** The location of the global descriptor table. */
  public DescriptorTable gdt() {
    return table(kvm_sregs.gdt$offset());
  }

  /** Sets the location of the global descriptor table. */
  public void gdt(DescriptorTable value) {
    table(kvm_sregs.gdt$offset(), value);
  }

  /** The location of the interrupt descriptor table. */
  public DescriptorTable idt() {
    return table(kvm_sregs.idt$offset());
  }

  /** Sets the location of the interrupt descriptor table. */
  public void idt(DescriptorTable value) {
    table(kvm_sregs.idt$offset(), value);
  }

  /** CR0. */
  public long cr0() {
    return kvm_sregs.cr0(segment);
  }

  /** Sets CR0. */
  public void cr0(long value) {
    kvm_sregs.cr0(segment, value);
  }

  /** CR2. */
  public long cr2() {
    return kvm_sregs.cr2(segment);
  }

  /** Sets CR2. */
  public void cr2(long value) {
    kvm_sregs.cr2(segment, value);
  }

  /** CR3. */
  public long cr3() {
    return kvm_sregs.cr3(segment);
  }

  /** Sets CR3. */
  public void cr3(long value) {
    kvm_sregs.cr3(segment, value);
  }

  /** CR4. */
  public long cr4() {
    return kvm_sregs.cr4(segment);
  }

  /** Sets CR4. */
  public void cr4(long value) {
    kvm_sregs.cr4(segment, value);
  }

  /** CR8. */
  public long cr8() {
    return kvm_sregs.cr8(segment);
  }

  /** Sets CR8. */
  public void cr8(long value) {
    kvm_sregs.cr8(segment, value);
  }

  /** EFER. */
  public long efer() {
    return kvm_sregs.efer(segment);
  }

  /** Sets EFER. */
  public void efer(long value) {
    kvm_sregs.efer(segment, value);
  }

  /** The local APIC's base address register. */
  public long apicBase() {
    return kvm_sregs.apic_base(segment);
  }

  /** Sets the local APIC's base address register. */
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
