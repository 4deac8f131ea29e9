package org.microvm.firmware;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Builds small ELF images: headers, program headers, notes, then the segments' bytes. */
public final class ElfBuilder {
  private record Load(long address, byte[] data, long memorySize) {}

  private final boolean is64Bit;
  private final List<Load> loads = new ArrayList<>();
  private final ByteArrayOutputStream notes = new ByteArrayOutputStream();
  private int notesAlignment = 4;
  private int machine;
  private int type = 2;
  private long entry;

  private ElfBuilder(boolean is64Bit) {
    this.is64Bit = is64Bit;
    this.machine = is64Bit ? 62 : 3;
  }

  public static ElfBuilder elf64() {
    return new ElfBuilder(true);
  }

  public static ElfBuilder elf32() {
    return new ElfBuilder(false);
  }

  /** An image like a vmlinux: one segment at 1 MiB, the entry at its start, and Linux's note. */
  public static ElfBuilder linux() {
    return elf64().entry(0x100000).load(0x100000, bytes(64), 0x2000).note("Linux", 0x100, 1, 2);
  }

  /** {@code count} bytes of a pattern without zeros. */
  public static byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = (byte) (i % 251 + 1);
    }
    return bytes;
  }

  public ElfBuilder entry(long address) {
    entry = address;
    return this;
  }

  public ElfBuilder machine(int number) {
    machine = number;
    return this;
  }

  public ElfBuilder type(int number) {
    type = number;
    return this;
  }

  public ElfBuilder load(long address, byte[] data, long memorySize) {
    loads.add(new Load(address, data, memorySize));
    return this;
  }

  public ElfBuilder note(String owner, int noteType, int... descriptor) {
    byte[] name = (owner + "\0").getBytes(StandardCharsets.US_ASCII);
    ByteBuffer header = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(name.length).putInt(descriptor.length).putInt(noteType);
    notes.writeBytes(header.array());
    notes.writeBytes(name);
    pad();
    for (int value : descriptor) {
      notes.write(value);
    }
    pad();
    return this;
  }

  /** Adds the note that gives a PVH entry as a 32-bit address. */
  public ElfBuilder pvhNote(int address) {
    return note("Xen", 18, address, address >> 8, address >> 16, address >> 24);
  }

  /** Must be called before any note is added. */
  public ElfBuilder alignNotes(int alignment) {
    notesAlignment = alignment;
    return this;
  }

  public byte[] build() {
    int headerSize = is64Bit ? 64 : 52;
    int entrySize = is64Bit ? 56 : 32;
    int headers = loads.size() + (notes.size() > 0 ? 1 : 0);
    int offset = headerSize + headers * entrySize;
    int size = offset + notes.size() + loads.stream().mapToInt(load -> load.data().length).sum();
    ByteBuffer file = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    file.put(new byte[] {0x7f, 'E', 'L', 'F', (byte) (is64Bit ? 2 : 1), 1, 1});
    file.position(16);
    file.putShort((short) type).putShort((short) machine).putInt(1);
    word(file, entry);
    word(file, headerSize);
    word(file, 0);
    file.putInt(0).putShort((short) headerSize);
    file.putShort((short) entrySize).putShort((short) headers);
    file.position(headerSize);
    if (notes.size() > 0) {
      programHeader(file, 4, offset, 0, notes.size(), notes.size(), notesAlignment);
      file.put(offset, notes.toByteArray());
      offset += notes.size();
    }
    for (Load load : loads) {
      int length = load.data().length;
      programHeader(file, 1, offset, load.address(), length, load.memorySize(), 4096);
      file.put(offset, load.data());
      offset += length;
    }
    return file.array();
  }

  private void programHeader(
      ByteBuffer file, int kind, long offset, long address, long size, long memory, long align) {
    // A loader must ignore virtual addresses, so they differ from the physical ones on purpose.
    long virtual = address + 0x4000_0000;
    file.putInt(kind);
    if (is64Bit) {
      file.putInt(7).putLong(offset).putLong(virtual).putLong(address);
      file.putLong(size).putLong(memory).putLong(align);
    } else {
      file.putInt((int) offset).putInt((int) virtual).putInt((int) address);
      file.putInt((int) size).putInt((int) memory).putInt(7).putInt((int) align);
    }
  }

  private void word(ByteBuffer file, long value) {
    if (is64Bit) {
      file.putLong(value);
    } else {
      file.putInt((int) value);
    }
  }

  private void pad() {
    while (notes.size() % notesAlignment != 0) {
      notes.write(0);
    }
  }
}
