package org.microvm.firmware;

import org.microvm.firmware.layout.GuestLayout;
import org.microvm.firmware.tables.SegmentTable;

/**
 * The registers of the first vCPU at the guest's first instruction; registers not listed are zero.
 * The other vCPUs wait until the guest starts them and need no state from here.
 *
 * <p>All segments are present and of privilege level 0. The LDT is unusable.
 *
 * @param rip the entry point
 * @param rsp the stack pointer, {@link GuestLayout#STACK}
 * @param rbx address of {@code hvm_start_info} for a PVH guest
 * @param rsi address of {@code boot_params} for a 64-bit guest
 * @param rflags flags, with interrupts disabled
 * @param cr0 protected mode, and paging in 64-bit mode
 * @param cr3 the page tables in 64-bit mode
 * @param cr4 PAE in 64-bit mode
 * @param efer long mode in 64-bit mode
 * @param code CS
 * @param data DS, ES, FS, GS and SS
 * @param task TR
 * @param gdtBase address of the GDT
 * @param gdtLimit offset of the GDT's last byte
 * @param idtBase address of the empty IDT
 * @param idtLimit offset of the IDT's last byte
 */
public record InitialCpuState(
    long rip,
    long rsp,
    long rbx,
    long rsi,
    long rflags,
    long cr0,
    long cr3,
    long cr4,
    long efer,
    SegmentRegister code,
    SegmentRegister data,
    SegmentRegister task,
    long gdtBase,
    int gdtLimit,
    long idtBase,
    int idtLimit) {

  /** RFLAGS: only the bit that is always one. */
  private static final long RFLAGS_RESERVED = 1 << 1;

  private static final long CR0_PE = 1;
  private static final long CR0_ET = 1 << 4;
  private static final long CR0_NE = 1 << 5;
  private static final long CR0_PG = 1L << 31;
  private static final long CR4_PAE = 1 << 5;
  private static final long EFER_LME = 1 << 8;
  private static final long EFER_LMA = 1 << 10;

  /** The 64-bit state of Linux's boot protocol. */
  static InitialCpuState longMode(long entry) {
    return new InitialCpuState(
        entry,
        GuestLayout.STACK,
        0,
        GuestLayout.BOOT_PARAMS,
        RFLAGS_RESERVED,
        CR0_PE | CR0_ET | CR0_NE | CR0_PG,
        GuestLayout.PAGE_TABLES,
        CR4_PAE,
        EFER_LME | EFER_LMA,
        SegmentRegister.of(SegmentTable.CODE_64, SegmentTable.descriptor(SegmentTable.CODE_64)),
        SegmentRegister.of(SegmentTable.DATA, SegmentTable.descriptor(SegmentTable.DATA)),
        SegmentRegister.of(SegmentTable.TASK, SegmentTable.descriptor(SegmentTable.TASK)),
        GuestLayout.GDT,
        SegmentTable.LIMIT,
        GuestLayout.IDT,
        0);
  }

  /** The 32-bit state of Xen's PVH boot protocol. */
  static InitialCpuState protectedMode(long entry) {
    return new InitialCpuState(
        entry,
        GuestLayout.STACK,
        GuestLayout.START_INFO,
        0,
        RFLAGS_RESERVED,
        CR0_PE | CR0_ET,
        0,
        0,
        0,
        SegmentRegister.of(SegmentTable.CODE_32, SegmentTable.descriptor(SegmentTable.CODE_32)),
        SegmentRegister.of(SegmentTable.DATA, SegmentTable.descriptor(SegmentTable.DATA)),
        SegmentRegister.of(SegmentTable.TASK, SegmentTable.descriptor(SegmentTable.TASK)),
        GuestLayout.GDT,
        SegmentTable.LIMIT,
        GuestLayout.IDT,
        0);
  }
}
