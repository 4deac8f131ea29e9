package org.microvm.firmware;

/**
 * A segment register including its hidden part, in KVM's fields (KVM API, struct kvm_segment).
 *
 * @param selector the visible part
 * @param base linear address of the segment
 * @param limit the last valid offset in bytes, unsigned
 * @param type the descriptor's type field, 4 bits
 * @param system whether it describes a system segment (KVM's {@code s} is the opposite)
 * @param longMode 64-bit code ({@code l})
 * @param wide 32-bit code or data ({@code db})
 * @param granular whether the descriptor's limit counts pages ({@code g}); {@code limit} is in
 *     bytes
 */
public record SegmentRegister(
    int selector,
    long base,
    int limit,
    int type,
    boolean system,
    boolean longMode,
    boolean wide,
    boolean granular) {

  /** Returns the register after loading a present DPL 0 descriptor from the GDT. */
  static SegmentRegister of(int selector, long descriptor) {
    boolean granular = (descriptor >>> 55 & 1) != 0;
    int limit = (int) (descriptor & 0xffff | descriptor >>> 32 & 0xf0000);
    return new SegmentRegister(
        selector,
        descriptor >>> 16 & 0xff_ffff | descriptor >>> 32 & 0xff00_0000L,
        granular ? limit << 12 | 0xfff : limit,
        (int) (descriptor >>> 40 & 0xf),
        (descriptor >>> 44 & 1) == 0,
        (descriptor >>> 53 & 1) != 0,
        (descriptor >>> 54 & 1) != 0,
        granular);
  }
}
