package org.microvm.firmware.tables;

import java.nio.ByteBuffer;
import java.util.List;
import org.microvm.firmware.layout.GuestLayout;

/**
 * Xen's {@code struct hvm_start_info}, version 1, followed by the module list and the memory map;
 * layout from the kernel's include/xen/interface/hvm/start_info.h.
 */
public final class StartInfo {
  private static final int MAGIC = 0x336e_c578;
  private static final int VERSION = 1;
  private static final int SIZE = 56;
  private static final int MODULE_SIZE = 32;
  private static final int ENTRY_SIZE = 24;

  private StartInfo() {}

  /**
   * Builds the bytes for {@link GuestLayout#START_INFO}.
   *
   * @param map the guest's memory map
   * @param initrd where the initial RAM disk was loaded; it is the only module
   * @param rsdp guest-physical address of the RSDP; 0 for a guest without ACPI
   */
  public static byte[] build(MemoryMap map, Range initrd, long rsdp) {
    List<MemoryMap.Entry> entries = map.entries();
    int modules = initrd.isEmpty() ? 0 : 1;
    int mapOffset = SIZE + modules * MODULE_SIZE;
    ByteBuffer info = Bytes.allocate(mapOffset + entries.size() * ENTRY_SIZE);
    info.putInt(MAGIC).putInt(VERSION).putInt(0).putInt(modules);
    info.putLong(modules == 0 ? 0 : GuestLayout.START_INFO + SIZE);
    info.putLong(GuestLayout.COMMAND_LINE).putLong(rsdp);
    info.putLong(GuestLayout.START_INFO + mapOffset).putInt(entries.size()).putInt(0);
    if (modules > 0) {
      info.putLong(initrd.start()).putLong(initrd.length()).putLong(0).putLong(0);
    }
    for (MemoryMap.Entry entry : entries) {
      info.putLong(entry.start()).putLong(entry.length()).putInt(entry.type()).putInt(0);
    }
    return info.array();
  }
}
