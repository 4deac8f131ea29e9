package org.microvm.firmware.tables;

import java.nio.ByteBuffer;
import java.util.List;
import org.microvm.firmware.image.SetupHeader;
import org.microvm.firmware.layout.GuestLayout;

/**
 * Linux's {@code struct boot_params}; offsets from the kernel's
 * Documentation/arch/x86/zero-page.rst.
 */
public final class ZeroPage {
  private static final int SIZE = 4096;
  private static final int ACPI_RSDP_ADDRESS = 0x70;
  private static final int E820_ENTRIES = 0x1e8;
  private static final int TYPE_OF_LOADER = 0x210;
  private static final int RAMDISK_IMAGE = 0x218;
  private static final int RAMDISK_SIZE = 0x21c;
  private static final int COMMAND_LINE_POINTER = 0x228;
  private static final int E820_TABLE = 0x2d0;

  /** The boot loader type of a loader without an assigned number. */
  private static final byte UNDEFINED_LOADER = (byte) 0xff;

  private ZeroPage() {}

  /**
   * Builds the page's bytes; the command line is at {@link GuestLayout#COMMAND_LINE}.
   *
   * @param header the kernel's setup header
   * @param map the guest's memory map
   * @param initrd where the initial RAM disk was loaded
   * @param rsdp guest-physical address of the RSDP; 0 for a guest without ACPI
   */
  public static byte[] build(SetupHeader header, MemoryMap map, Range initrd, long rsdp) {
    ByteBuffer page = Bytes.allocate(SIZE);
    header.copyTo(page);
    page.putLong(ACPI_RSDP_ADDRESS, rsdp);
    page.put(TYPE_OF_LOADER, UNDEFINED_LOADER);
    page.putInt(RAMDISK_IMAGE, (int) initrd.start());
    page.putInt(RAMDISK_SIZE, (int) initrd.length());
    page.putInt(COMMAND_LINE_POINTER, (int) GuestLayout.COMMAND_LINE);
    List<MemoryMap.Entry> entries = map.entries();
    page.put(E820_ENTRIES, (byte) entries.size());
    page.position(E820_TABLE);
    for (MemoryMap.Entry entry : entries) {
      page.putLong(entry.start()).putLong(entry.length()).putInt(entry.type());
    }
    return page.array();
  }
}
