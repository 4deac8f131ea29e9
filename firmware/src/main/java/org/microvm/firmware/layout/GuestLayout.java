package org.microvm.firmware.layout;

/**
 * The layout of guest-physical memory when the guest starts.
 *
 * <pre>
 *  0x00000010  MP floating pointer, where Linux looks first
 *  0x0000040e  BIOS data area: EBDA segment, and 0x413 KiB of base memory
 *  0x00000500  GDT
 *  0x00000600  IDT (empty)
 *  0x00006000  hvm_start_info, modules and memory map (PVH)
 *  0x00007000  boot_params, the "zero page" (64-bit Linux)
 *  0x00008ff0  initial stack, growing down
 *  0x00009000  PML4, PDPT, four page directories: 4 GiB mapped one to one
 *  0x00020000  command line, at most 64 KiB
 *  0x0009e000  MP configuration table; from here reserved
 *  0x0009fc00  MP floating pointer, where the specification has it (EBDA)
 *  0x000a0000  no RAM (VGA, option ROMs, BIOS on a PC)
 *  0x000e0000  ACPI tables, the RSDP first
 *  0x000ffff0  reset vector: code that resets the machine
 *  0x00100000  RAM again: the kernel at its segments' addresses
 *       ...    initrd, as high as possible
 *  0xc0000000  no RAM (devices), RAM again from 4 GiB
 * </pre>
 *
 * <p>Linux copies everything it needs from below 640 KiB before it allocates those pages, so the
 * memory map reserves only the range from {@link #MP_TABLE} on. Linux never allocates page 0.
 */
public final class GuestLayout {
  /**
   * The MP floating pointer that Linux finds first. It scans the first KiB, then {@link
   * #MP_POINTER}, then 64 KiB of BIOS, and maps the rest of the area again for each 16 bytes. The
   * pointer is not at 0, because Linux 4.14 takes that address for "not found".
   */
  public static final long MP_POINTER_LOW = 0x10;

  /** BIOS data area: real-mode segment of the EBDA, 16 bits. */
  public static final long BDA_EBDA_SEGMENT = 0x40e;

  /** BIOS data area: KiB of base memory, 16 bits. */
  public static final long BDA_BASE_MEMORY = 0x413;

  /** The address of the GDT. */
  public static final long GDT = 0x500;

  /** The address of the empty IDT. */
  public static final long IDT = 0x600;

  /** PVH's {@code hvm_start_info}, followed by what it points to. */
  public static final long START_INFO = 0x6000;

  /** Linux's {@code boot_params}. */
  public static final long BOOT_PARAMS = 0x7000;

  /** The initial stack pointer. */
  public static final long STACK = 0x8ff0;

  /** The page tables; CR3 in 64-bit mode. */
  public static final long PAGE_TABLES = 0x9000;

  /** The command line, ended by a zero byte. */
  public static final long COMMAND_LINE = 0x20000;

  /** Room for the command line and its zero byte. */
  public static final int COMMAND_LINE_ROOM = 0x10000;

  /** The MP configuration table, and the end of usable base memory. */
  public static final long MP_TABLE = 0x9e000;

  /** The start of the EBDA and the MP floating pointer in its first KiB: 639 KiB. */
  public static final long MP_POINTER = 0x9fc00;

  /** The end of base memory: 640 KiB. */
  public static final long BASE_MEMORY_END = 0xa0000;

  /**
   * The ACPI tables, from the RSDP on: the start of the area in which an operating system searches
   * for it (ACPI 6.5, section 5.2.5.1). They may take the 124 KiB up to {@link #VM_GENERATION_ID}.
   */
  public static final long ACPI_TABLES = 0xe0000;

  /** The page with the identifier of the guest's generation, if there are ACPI tables. */
  public static final long VM_GENERATION_ID = 0xff000;

  /** Where real-mode code jumps to reboot, F000:FFF0: the first instruction of a PC's firmware. */
  public static final long RESET_VECTOR = 0xffff0;

  /** Where RAM continues, and the lowest address at which a kernel may be loaded. */
  public static final long HIGH_MEMORY = 0x100000;

  private GuestLayout() {}
}
