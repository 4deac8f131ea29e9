package org.microvm.machine.save;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.microvm.kvm.VcpuState;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.machine.memory.MemoryFile;
import org.microvm.machine.memory.MemoryRuns;
import org.microvm.machine.vm.VmInstance;
import org.microvm.memory.MemoryRegion;

/**
 * Writes a guest's memory as an ELF core file that debuggers and crash(8) read, in the form of
 * QEMU's dump-guest-memory: a PT_NOTE segment with the registers, then a PT_LOAD segment with the
 * guest-physical address of each region of RAM.
 */
public final class MemoryDump {
  private static final int HEADER_BYTES = 64;
  private static final int SEGMENT_HEADER_BYTES = 56;
  private static final int PT_LOAD = 1;
  private static final int PT_NOTE = 4;
  private static final int ET_CORE = 4;
  private static final int EM_X86_64 = 62;

  /** ELFMAG, ELFCLASS64, ELFDATA2LSB and EV_CURRENT of elf.h. */
  private static final byte[] IDENTITY = {0x7f, 'E', 'L', 'F', 2, 1, 1};

  /** MSR_KERNEL_GS_BASE of asm/msr-index.h. */
  private static final int KERNEL_GS_BASE = 0xc000_0102;

  private MemoryDump() {}

  /**
   * Writes the memory of a guest whose vCPUs are stopped. Zero pages become holes.
   *
   * @param file an empty file
   * @param ram the guest's memory
   * @param instance the VM of the guest
   */
  public static void write(Fd file, GuestRam ram, VmInstance instance) throws IOException {
    write(
        file,
        ram,
        notes(
            instance.vcpuState(VcpuState.REGISTERS),
            instance.vcpuState(VcpuState.SPECIAL_REGISTERS),
            instance.vcpuRegisters(KERNEL_GS_BASE)));
  }

  /**
   * Returns the notes of all vCPUs, as QEMU orders them: first those with the general registers.
   */
  static byte[] notes(List<byte[]> general, List<byte[]> special, List<Long> kernelGsBases) {
    ByteArrayOutputStream notes = new ByteArrayOutputStream();
    for (int i = 0; i < general.size(); i++) {
      notes.writeBytes(new CoreNotes(general.get(i), special.get(i)).core(i + 1));
    }
    for (int i = 0; i < general.size(); i++) {
      CoreNotes vcpu = new CoreNotes(general.get(i), special.get(i));
      notes.writeBytes(vcpu.qemu(kernelGsBases.get(i)));
    }
    return notes.toByteArray();
  }

  static void write(Fd file, GuestRam ram, byte[] notes) throws IOException {
    List<MemoryRegion> regions = ram.memory().regions();
    int headers = HEADER_BYTES + (1 + regions.size()) * SEGMENT_HEADER_BYTES;
    // Aligned to pages, so that zero pages can be holes.
    long memory = align((long) headers + notes.length);
    ByteBuffer start = ByteBuffer.allocate(headers + notes.length).order(ByteOrder.LITTLE_ENDIAN);
    start.put(IDENTITY).position(16).putShort((short) ET_CORE).putShort((short) EM_X86_64);
    // Version, no entry point, the segment headers after this one, no section headers, no flags.
    start.putInt(1).putLong(0).putLong(HEADER_BYTES).putLong(0).putInt(0);
    start.putShort((short) HEADER_BYTES).putShort((short) SEGMENT_HEADER_BYTES);
    start.putShort((short) (1 + regions.size())).position(HEADER_BYTES);
    segment(start, PT_NOTE, headers, 0, notes.length);
    for (MemoryRegion region : regions) {
      segment(start, PT_LOAD, memory + region.fileOffset(), region.start(), region.size());
    }
    start.put(notes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(start.capacity());
      MemorySegment.copy(start.array(), 0, bytes, ValueLayout.JAVA_BYTE, 0, start.capacity());
      MemoryFile.writeAll(file, bytes, 0);
    }
    long end = memory;
    for (MemoryRegion region : regions) {
      end = Math.max(end, memory + region.fileOffset() + region.size());
    }
    file.resize(end);
    MemoryRuns.visit(
        ram,
        (region, from, to) ->
            MemoryFile.writeAll(
                file, region.host().asSlice(from, to - from), memory + region.fileOffset() + from));
  }

  private static void segment(
      ByteBuffer headers, int type, long offset, long address, long length) {
    // The flags and the virtual address are 0, and so is the alignment.
    headers.putInt(type).putInt(0).putLong(offset).putLong(0).putLong(address);
    headers.putLong(length).putLong(length).putLong(0);
  }

  private static long align(long offset) {
    return (offset + MemoryRuns.PAGE - 1) / MemoryRuns.PAGE * MemoryRuns.PAGE;
  }
}
