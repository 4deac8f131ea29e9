package org.microvm.machine.save;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The notes of a vCPU in an ELF core file, as QEMU writes them (target/i386/arch_dump.c): a {@code
 * CORE} note with the general registers, struct elf_prstatus of Linux, and a {@code QEMU} note with
 * the segment and control registers, struct QEMUCPUState.
 */
final class CoreNotes {
  /** NT_PRSTATUS of linux/elf.h. */
  private static final int PRSTATUS = 1;

  private static final int PRSTATUS_BYTES = 336;
  private static final int PID_OFFSET = 32;
  private static final int REGISTERS_OFFSET = 112;
  private static final int QEMU_BYTES = 440;
  private static final int QEMU_VERSION = 1;

  /** Sizes and offsets in struct kvm_sregs of asm/kvm.h. */
  private static final int SEGMENT_BYTES = 24;

  private static final int CS = 0;
  private static final int DS = 1;
  private static final int ES = 2;
  private static final int FS = 3;
  private static final int GS = 4;
  private static final int SS = 5;
  private static final int TR = 6;
  private static final int LDT = 7;
  private static final int GDT_OFFSET = 8 * SEGMENT_BYTES;
  private static final int IDT_OFFSET = GDT_OFFSET + 16;
  private static final int CONTROL_OFFSET = IDT_OFFSET + 16;

  /** Indices of struct kvm_regs. */
  private static final int RAX = 0;

  private static final int RBX = 1;
  private static final int RCX = 2;
  private static final int RDX = 3;
  private static final int RSI = 4;
  private static final int RDI = 5;
  private static final int RSP = 6;
  private static final int RBP = 7;
  private static final int R8 = 8;
  private static final int RIP = 16;
  private static final int RFLAGS = 17;
  private static final int GENERAL = 18;

  private final ByteBuffer general;
  private final ByteBuffer special;

  /**
   * @param general struct kvm_regs
   * @param special struct kvm_sregs
   */
  CoreNotes(byte[] general, byte[] special) {
    this.general = ByteBuffer.wrap(general).order(ByteOrder.LITTLE_ENDIAN);
    this.special = ByteBuffer.wrap(special).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns the note with the general registers; QEMU counts the vCPUs from 1. */
  byte[] core(int number) {
    ByteBuffer status =
        buffer(PRSTATUS_BYTES).putInt(PID_OFFSET, number).position(REGISTERS_OFFSET);
    for (int register = 15; register >= 12; register--) {
      status.putLong(general(R8 + register - 8));
    }
    status.putLong(general(RBP)).putLong(general(RBX));
    for (int register = 11; register >= 8; register--) {
      status.putLong(general(R8 + register - 8));
    }
    for (int register : new int[] {RAX, RCX, RDX, RSI, RDI}) {
      status.putLong(general(register));
    }
    // orig_rax, which is a system call's number for processes.
    status.putLong(0).putLong(general(RIP)).putLong(selector(CS)).putLong(general(RFLAGS));
    status.putLong(general(RSP)).putLong(selector(SS)).putLong(base(FS)).putLong(base(GS));
    for (int segment : new int[] {DS, ES, FS, GS}) {
      status.putLong(selector(segment));
    }
    return note("CORE", PRSTATUS, status);
  }

  /**
   * Returns the note with all registers.
   *
   * @param kernelGsBase the register MSR_KERNEL_GS_BASE
   */
  byte[] qemu(long kernelGsBase) {
    ByteBuffer state = buffer(QEMU_BYTES).putInt(QEMU_VERSION).putInt(QEMU_BYTES);
    for (int register : new int[] {RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP}) {
      state.putLong(general(register));
    }
    for (int register = R8; register < GENERAL; register++) {
      state.putLong(general(register));
    }
    for (int segment : new int[] {CS, DS, ES, FS, GS, SS, LDT, TR}) {
      int at = segment * SEGMENT_BYTES;
      segment(state, selector(segment), special.getInt(at + 8), flags(at), special.getLong(at));
    }
    for (int table : new int[] {GDT_OFFSET, IDT_OFFSET}) {
      segment(state, 0, special.getShort(table + 8) & 0xffff, 0, special.getLong(table));
    }
    // cr0, cr1 (which does not exist), cr2, cr3 and cr4.
    state.putLong(special.getLong(CONTROL_OFFSET)).putLong(0);
    for (int i = 1; i <= 3; i++) {
      state.putLong(special.getLong(CONTROL_OFFSET + i * Long.BYTES));
    }
    return note("QEMU", 0, state.putLong(kernelGsBase));
  }

  private static void segment(ByteBuffer state, int selector, int limit, int flags, long base) {
    state.putInt(selector).putInt(limit).putInt(flags).putInt(0).putLong(base);
  }

  /** The attributes as in the upper half of a segment descriptor. */
  private int flags(int at) {
    int type = special.get(at + 14) & 0xf;
    int present = special.get(at + 15);
    int privilege = special.get(at + 16);
    int big = special.get(at + 17);
    int system = special.get(at + 18);
    int wide = special.get(at + 19);
    int granular = special.get(at + 20);
    int available = special.get(at + 21);
    return type << 8
        | system << 12
        | privilege << 13
        | present << 15
        | available << 20
        | wide << 21
        | big << 22
        | granular << 23;
  }

  private long general(int index) {
    return general.getLong(index * Long.BYTES);
  }

  private int selector(int segment) {
    return special.getShort(segment * SEGMENT_BYTES + 12) & 0xffff;
  }

  private long base(int segment) {
    return special.getLong(segment * SEGMENT_BYTES);
  }

  private static byte[] note(String name, int type, ByteBuffer content) {
    byte[] text = (name + "\0").getBytes(StandardCharsets.US_ASCII);
    ByteArrayOutputStream note = new ByteArrayOutputStream();
    note.writeBytes(
        buffer(3 * Integer.BYTES)
            .putInt(text.length)
            .putInt(content.capacity())
            .putInt(type)
            .array());
    note.writeBytes(text);
    note.writeBytes(new byte[-text.length & 3]);
    note.writeBytes(content.array());
    note.writeBytes(new byte[-content.capacity() & 3]);
    return note.toByteArray();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
