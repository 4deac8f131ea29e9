package org.microvm.kvm;

/**
 * A segment register, including the hidden part that the processor caches from the descriptor (KVM
 * API, struct kvm_segment).
 *
 * @param base linear address
 * @param limit highest offset in bytes, not scaled by the granularity
 * @param selector the part that software can see
 * @param attributes the other fields of the descriptor
 */
public record Segment(long base, int limit, int selector, Attributes attributes) {

  /**
   * Fields of a segment descriptor, named as in the processor manuals.
   *
   * @param type segment type, 4 bits
   * @param present whether the segment is present
   * @param dpl privilege level, 0 to 3
   * @param db 32-bit code or stack
   * @param s code or data, rather than a system segment
   * @param l 64-bit code
   * @param g granularity: the descriptor's limit counts pages
   * @param avl available to software
   * @param unusable loaded with a null selector
   */
  public record Attributes(
      int type,
      boolean present,
      int dpl,
      boolean db,
      boolean s,
      boolean l,
      boolean g,
      boolean avl,
      boolean unusable) {}

  /**
   * Describes 64-bit kernel code.
   *
   * @param selector of the segment's descriptor, 0 to 65535
   * @return the segment, at base 0, executable and readable
   */
  public static Segment code64(int selector) {
    return flat(selector, 0xb, false, true);
  }

  /**
   * Describes 64-bit code of user programs.
   *
   * @param selector of the segment's descriptor, 0 to 65535
   * @return the segment, at base 0, executable and readable, with DPL 3
   */
  public static Segment userCode64(int selector) {
    return flat(selector, 0xb, 3, false, true);
  }

  /**
   * Describes data of user programs over all 4 GiB.
   *
   * @param selector of the segment's descriptor, 0 to 65535
   * @return the segment, at base 0, writable, with DPL 3
   */
  public static Segment userData(int selector) {
    return flat(selector, 0x3, 3, true, false);
  }

  /**
   * Describes 32-bit kernel code over all 4 GiB.
   *
   * @param selector of the segment's descriptor, 0 to 65535
   * @return the segment, at base 0, executable and readable
   */
  public static Segment code32(int selector) {
    return flat(selector, 0xb, true, false);
  }

  /**
   * Describes kernel data over all 4 GiB.
   *
   * @param selector of the segment's descriptor, 0 to 65535
   * @return the segment, at base 0, readable and writable
   */
  public static Segment data(int selector) {
    return flat(selector, 0x3, true, false);
  }

  /**
   * Describes a busy 64-bit task state segment at address 0; a processor in long mode must have
   * one.
   *
   * @param selector of the segment's descriptor, 0 to 65535
   * @return the segment, with a limit of 64 KiB
   */
  public static Segment task(int selector) {
    return new Segment(
        0,
        0xffff,
        selector,
        new Attributes(0xb, true, 0, false, false, false, false, false, false));
  }

  private static Segment flat(int selector, int type, boolean db, boolean l) {
    return flat(selector, type, 0, db, l);
  }

  private static Segment flat(int selector, int type, int dpl, boolean db, boolean l) {
    return new Segment(
        0, 0xffff_ffff, selector, new Attributes(type, true, dpl, db, true, l, true, false, false));
  }
}
