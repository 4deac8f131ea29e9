package org.microvm.machine.save;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;

/** The ELF core file of a guest's memory, read as gdb and crash(8) read it. */
class MemoryDumpTest {
  private static final int RAM_BYTES = 1 << 20;

  @TempDir private Path directory;

  /** General registers whose values are their indices in struct kvm_regs, plus 0x100. */
  private static byte[] general() {
    ByteBuffer registers = ByteBuffer.allocate(144).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 18; i++) {
      registers.putLong(0x100 + i);
    }
    return registers.array();
  }

  /** A code segment as of a 64-bit kernel, a base for FS, and control registers. */
  private static byte[] special() {
    ByteBuffer registers = ByteBuffer.allocate(312).order(ByteOrder.LITTLE_ENDIAN);
    registers.putInt(8, 0xfffff).putShort(12, (short) 0x10);
    // type, present, dpl, db, s, l, g, avl
    registers.put(14, new byte[] {11, 1, 0, 0, 1, 1, 1, 0});
    registers.putLong(3 * 24, 0xf5).putLong(224, 0xc0).putLong(232, 0xc2).putLong(240, 0xc3);
    return registers.array();
  }

  private ByteBuffer dump() throws Exception {
    Path path = directory.resolve("core");
    byte[] notes = MemoryDump.notes(List.of(general()), List.of(special()), List.of(0x6b5L));
    try (GuestRam ram = GuestRam.allocate(RAM_BYTES);
        Fd file = Fd.open(path, Fd.READ_WRITE, Fd.CREATE)) {
      ram.memory().regions().getFirst().host().set(ValueLayout.JAVA_INT, 0x5000, 0x12345678);
      MemoryDump.write(file, ram, notes);
    }
    return ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void headers_describeNotesAndMemory() throws Exception {
    ByteBuffer core = dump();

    assertEquals(0x464c457f, core.getInt(0));
    assertEquals(4, core.getShort(16));
    assertEquals(62, core.getShort(18));
    assertEquals(64, core.getLong(32));
    assertEquals(2, core.getShort(56));
    assertEquals(4, core.getInt(64));
    assertEquals(1, core.getInt(120));
    // The address and the size of RAM.
    assertEquals(0, core.getLong(144));
    assertEquals(RAM_BYTES, core.getLong(152));
    assertEquals(0, core.getLong(128) % 4096);
    assertEquals(0x12345678, core.getInt((int) core.getLong(128) + 0x5000));
    assertEquals(core.getLong(128) + RAM_BYTES, core.capacity());
  }

  @Test
  void notes_haveTheRegistersWhereReadersLookForThem() throws Exception {
    ByteBuffer core = dump();
    int at = (int) core.getLong(72);

    // struct elf_prstatus: pr_pid at 32, pr_reg at 112, in the order of struct user_regs_struct.
    assertEquals(336, core.getInt(at + 4));
    assertEquals(1, core.getInt(at + 8));
    assertEquals("CORE", text(core, at + 12, 4));
    int status = at + 20;
    assertEquals(1, core.getInt(status + 32));
    assertEquals(0x10f, core.getLong(status + 112));
    assertEquals(0x100, core.getLong(status + 112 + 10 * 8));
    assertEquals(0x110, core.getLong(status + 112 + 16 * 8));
    assertEquals(0x10, core.getLong(status + 112 + 17 * 8));
    assertEquals(0x106, core.getLong(status + 112 + 19 * 8));
    assertEquals(0xf5, core.getLong(status + 112 + 21 * 8));

    // struct QEMUCPUState.
    int qemu = status + 336;
    assertEquals("QEMU", text(core, qemu + 12, 4));
    int state = qemu + 20;
    assertEquals(1, core.getInt(state));
    assertEquals(440, core.getInt(state + 4));
    assertEquals(0x110, core.getLong(state + 8 + 16 * 8));
    assertEquals(0x10, core.getInt(state + 152));
    assertEquals(0xa09b00, core.getInt(state + 160));
    assertEquals(0xc0, core.getLong(state + 152 + 240));
    assertEquals(0xc3, core.getLong(state + 152 + 240 + 3 * 8));
    assertEquals(0x6b5, core.getLong(state + 432));
  }

  private static String text(ByteBuffer core, int at, int length) {
    byte[] bytes = new byte[length];
    core.get(at, bytes);
    return new String(bytes, StandardCharsets.US_ASCII);
  }
}
