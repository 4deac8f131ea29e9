package org.microvm.firmware.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.microvm.firmware.layout.GuestLayout;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;

/**
 * An ELF kernel for x86. Its segments are read from the source directly into guest RAM, at their
 * physical addresses.
 *
 * <p>Linux is recognized by ELF notes that no other kernel has: the owner "Linux" (build salt,
 * since 4.19) or a Xen note that names Linux as the guest OS. Older kernels lack these, but without
 * CONFIG_XEN they lack the PVH note too, so they are started the same way.
 */
public final class ElfKernel implements KernelImage {
  private static final int MAGIC = 0x464c_457f;
  private static final int HEADER_SIZE_32 = 52;
  private static final int HEADER_SIZE_64 = 64;
  private static final int PROGRAM_HEADER_SIZE_32 = 32;
  private static final int PROGRAM_HEADER_SIZE_64 = 56;
  private static final int CLASS_32 = 1;
  private static final int CLASS_64 = 2;
  private static final int LITTLE_ENDIAN = 1;
  private static final int TYPE_EXECUTABLE = 2;
  private static final int TYPE_DYNAMIC = 3;
  private static final int MACHINE_386 = 3;
  private static final int MACHINE_X86_64 = 62;
  private static final int LOAD = 1;
  private static final int NOTE = 4;

  /**
   * The maximum number of program headers, which bounds the work for a broken file; Linux has 5.
   */
  private static final int PROGRAM_HEADERS_MAX = 64;

  /** The most bytes of notes that are read; Linux's notes take 500. */
  private static final int NOTES_MAX = 64 << 10;

  private static final int XEN_GUEST_OS = 6;
  private static final int XEN_PHYS32_ENTRY = 18;
  private static final int MICROVM_KNOWS_EMULATION = 1;
  private static final byte[] XEN = {'X', 'e', 'n', 0};
  private static final byte[] LINUX = {'L', 'i', 'n', 'u', 'x', 0};
  private static final byte[] MICROVM = {'m', 'i', 'c', 'r', 'o', 'v', 'm', 0};
  private static final byte[] GUEST_OS_LINUX = {'l', 'i', 'n', 'u', 'x'};

  private static final int LINUX_COMMAND_LINE_MAX = 2047;
  private static final long NO_ENTRY = -1;

  private record Load(long offset, long fileSize, long address, long size) {}

  private final ByteSource source;
  private final boolean is64Bit;
  private final long entry;
  private final Load[] loads;
  private final int loadCount;
  private final long end;
  private long pvhEntry = NO_ENTRY;
  private boolean linux;
  private boolean knowsEmulation;

  private ElfKernel(ByteSource source, boolean is64Bit, long entry, ByteBuffer programHeaders)
      throws ImageException {
    this.source = source;
    this.is64Bit = is64Bit;
    this.entry = entry;
    int entrySize = is64Bit ? PROGRAM_HEADER_SIZE_64 : PROGRAM_HEADER_SIZE_32;
    int count = programHeaders.limit() / entrySize;
    this.loads = new Load[count];
    int loaded = 0;
    long highest = 0;
    for (int i = 0; i < count; i++) {
      ByteBuffer header = programHeaders.slice(i * entrySize, entrySize);
      header.order(ByteOrder.LITTLE_ENDIAN);
      int type = header.getInt(0);
      if (type == NOTE) {
        readNotes(header);
      } else if (type == LOAD && size(header) != 0) {
        Load load = load(header);
        loads[loaded++] = load;
        highest = Math.max(highest, load.address() + load.size());
      }
    }
    if (loaded == 0) {
      throw new ImageException("has nothing to load: an ELF file without a PT_LOAD segment");
    }
    this.loadCount = loaded;
    this.end = highest;
  }

  /** Whether a file with these first bytes is an ELF file. */
  static boolean recognizes(ByteBuffer head) {
    return head.limit() >= 4 && head.getInt(0) == MAGIC;
  }

  /**
   * Reads the headers and notes.
   *
   * @param source the image; closed together with the kernel
   * @throws ImageException if it is damaged or not an x86 kernel
   */
  static ElfKernel parse(ByteSource source) throws ImageException {
    ByteBuffer header = buffer((int) Math.min(HEADER_SIZE_64, source.size()));
    source.read(0, header);
    if (header.limit() < HEADER_SIZE_32) {
      throw new ImageException("is truncated: the ELF file ends within its header");
    }
    boolean is64Bit = checkTarget(header);
    if (is64Bit && header.limit() < HEADER_SIZE_64) {
      throw new ImageException("is truncated: the ELF file ends within its header");
    }
    long offset = is64Bit ? header.getLong(32) : unsigned(header.getInt(28));
    int entrySize = header.getShort(is64Bit ? 54 : 42) & 0xffff;
    int count = header.getShort(is64Bit ? 56 : 44) & 0xffff;
    if (entrySize != (is64Bit ? PROGRAM_HEADER_SIZE_64 : PROGRAM_HEADER_SIZE_32)
        || count > PROGRAM_HEADERS_MAX) {
      throw new ImageException(
          "is not a usable ELF file: it has "
              + count
              + " program headers of "
              + entrySize
              + " bytes each");
    }
    if (!source.holds(offset, (long) count * entrySize)) {
      throw new ImageException("is truncated: its program headers lie beyond the end of the file");
    }
    ByteBuffer programHeaders = buffer(count * entrySize);
    source.read(offset, programHeaders);
    long entry = is64Bit ? header.getLong(24) : unsigned(header.getInt(24));
    return new ElfKernel(source, is64Bit, entry, programHeaders);
  }

  /** Returns whether the file is ELF64. */
  private static boolean checkTarget(ByteBuffer header) throws ImageException {
    int type = header.getShort(16) & 0xffff;
    int machine = header.getShort(18) & 0xffff;
    int elfClass = header.get(4);
    if (header.get(5) != LITTLE_ENDIAN || machine != MACHINE_386 && machine != MACHINE_X86_64) {
      throw new ImageException(
          "is not for x86: the ELF file is for machine " + machine + " (x86-64 is 62)");
    }
    if (elfClass != CLASS_32 && elfClass != CLASS_64) {
      throw new ImageException("is not a usable ELF file: class " + elfClass);
    }
    if (type != TYPE_EXECUTABLE && type != TYPE_DYNAMIC) {
      throw new ImageException("is not a linked ELF executable: its type is " + type);
    }
    return elfClass == CLASS_64;
  }

  @Override
  public ElfKernel elf() {
    return this;
  }

  @Override
  public SetupHeader setupHeader() {
    // Linux's COMMAND_LINE_SIZE on x86 is 2048; for another kernel the reserved room is the limit.
    return SetupHeader.synthesized(
        linux ? LINUX_COMMAND_LINE_MAX : GuestLayout.COMMAND_LINE_ROOM - 1);
  }

  /** Whether the image is ELF64. */
  public boolean is64Bit() {
    return is64Bit;
  }

  /** Whether the image's notes identify it as Linux. */
  public boolean isLinux() {
    return linux;
  }

  /**
   * Whether the kernel is built to run where KVM emulates its code: it has a note of the owner
   * "microvm" with type 1, as kernels with this project's patches have.
   */
  public boolean knowsEmulation() {
    return knowsEmulation;
  }

  /** The ELF header's entry point. */
  public long entry() {
    return entry;
  }

  /** Whether the image has a PVH entry. */
  public boolean hasPvhEntry() {
    return pvhEntry != NO_ENTRY;
  }

  /** The PVH note's entry point; valid only if {@link #hasPvhEntry}. */
  public long pvhEntry() {
    return pvhEntry;
  }

  /** Guest-physical address just past the last byte, including BSS. */
  public long end() {
    return end;
  }

  /**
   * Copies all segments to guest RAM. Memory of a segment that is not in the file (BSS) is not
   * written, since fresh RAM is zero.
   *
   * @param start the entry point that will be used
   * @throws ImageException if a segment lies outside RAM or the file, or the entry point outside
   *     all segments
   */
  public void load(GuestMemory memory, long start) throws ImageException {
    checkEntry(start);
    long ram = memory.regions().getFirst().end();
    for (int i = 0; i < loadCount; i++) {
      Load load = loads[i];
      if (load.address() + load.size() > ram) {
        throw new ImageException(
            "needs guest RAM up to 0x%x (%d MiB), but the guest has %d MiB below 3 GiB"
                .formatted(
                    load.address() + load.size(),
                    load.address() + load.size() + 0xfffff >> 20,
                    ram >> 20));
      }
    }
    try {
      for (int i = 0; i < loadCount; i++) {
        Load load = loads[i];
        source.read(load.offset(), memory.slice(load.address(), load.fileSize()));
      }
    } catch (GuestMemoryException e) {
      // Cannot happen: the ranges were checked above.
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    source.close();
  }

  private void checkEntry(long start) throws ImageException {
    for (int i = 0; i < loadCount; i++) {
      Load load = loads[i];
      if (Long.compareUnsigned(start - load.address(), load.size()) < 0) {
        return;
      }
    }
    throw new ImageException("has its entry point 0x%x outside its segments".formatted(start));
  }

  private Load load(ByteBuffer header) throws ImageException {
    long offset = is64Bit ? header.getLong(8) : unsigned(header.getInt(4));
    long address = is64Bit ? header.getLong(24) : unsigned(header.getInt(12));
    long fileSize = is64Bit ? header.getLong(32) : unsigned(header.getInt(16));
    long size = size(header);
    if (Long.compareUnsigned(fileSize, size) > 0) {
      throw new ImageException(
          "is not a usable ELF file: the segment at 0x%x is larger in the file than in memory"
              .formatted(address));
    }
    if (!source.holds(offset, fileSize)) {
      throw new ImageException(
          "is truncated: the segment at 0x%x lies beyond the end of the file".formatted(address));
    }
    if (Long.compareUnsigned(address, GuestLayout.HIGH_MEMORY) < 0) {
      throw new ImageException(
          "has a segment at 0x%x; memory below 1 MiB is reserved for boot data".formatted(address));
    }
    if (Long.compareUnsigned(address, GuestMemory.HOLE_START) >= 0
        || Long.compareUnsigned(size, GuestMemory.HOLE_START - address) > 0) {
      throw new ImageException(
          "has a segment at physical address 0x%x of %s bytes, which must fit below 3 GiB"
              .formatted(address, Long.toUnsignedString(size)));
    }
    return new Load(offset, fileSize, address, size);
  }

  private long size(ByteBuffer header) {
    return is64Bit ? header.getLong(40) : unsigned(header.getInt(20));
  }

  private void readNotes(ByteBuffer header) throws ImageException {
    long offset = is64Bit ? header.getLong(8) : unsigned(header.getInt(4));
    long length = is64Bit ? header.getLong(32) : unsigned(header.getInt(16));
    long align = is64Bit ? header.getLong(48) : unsigned(header.getInt(28));
    if (!source.holds(offset, length)) {
      throw new ImageException("is truncated: its notes lie beyond the end of the file");
    }
    ByteBuffer notes = buffer((int) Math.min(length, NOTES_MAX));
    source.read(offset, notes);
    notes.flip();
    // Name and descriptor are padded to 4 bytes in both ELF classes; a few tools pad to 8.
    int padding = align == 8 ? 7 : 3;
    long position = 0;
    while (position + 12 <= notes.limit()) {
      int at = (int) position;
      long name = position + 12;
      long nameLength = unsigned(notes.getInt(at));
      long descriptor = name + nameLength + padding & ~padding;
      long descriptorLength = unsigned(notes.getInt(at + 4));
      if (descriptor + descriptorLength > notes.limit()) {
        return;
      }
      ByteBuffer content = notes.slice((int) descriptor, (int) descriptorLength);
      readNote(notes.slice((int) name, (int) nameLength), notes.getInt(at + 8), content);
      position = descriptor + descriptorLength + padding & ~padding;
    }
  }

  private void readNote(ByteBuffer name, int type, ByteBuffer content) {
    if (name.equals(ByteBuffer.wrap(LINUX))) {
      linux = true;
    } else if (name.equals(ByteBuffer.wrap(MICROVM))) {
      knowsEmulation |= type == MICROVM_KNOWS_EMULATION;
    } else if (name.equals(ByteBuffer.wrap(XEN))) {
      if (type == XEN_PHYS32_ENTRY && content.limit() >= 4) {
        // The entry is a 32-bit address, even if the field has 8 bytes.
        pvhEntry = unsigned(content.order(ByteOrder.LITTLE_ENDIAN).getInt(0));
      } else if (type == XEN_GUEST_OS && content.limit() >= GUEST_OS_LINUX.length) {
        linux |= content.slice(0, GUEST_OS_LINUX.length).equals(ByteBuffer.wrap(GUEST_OS_LINUX));
      }
    }
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static long unsigned(int value) {
    return value & 0xffff_ffffL;
  }
}
