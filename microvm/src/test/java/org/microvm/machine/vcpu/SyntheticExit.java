package org.microvm.machine.vcpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.microvm.kvm.ExitReason;
import org.microvm.kvm.VcpuRun;

/**
 * The memory that a vCPU shares with user space, filled as KVM fills it at an exit. The offsets are
 * those of {@code struct kvm_run} on x86-64.
 */
final class SyntheticExit {
  private static final long REASON = 8;
  private static final long EXIT = 32;

  /** Where KVM keeps the data of port accesses: in the second page. */
  private static final long PORT_DATA = 4096;

  private final MemorySegment memory = Arena.ofAuto().allocate(2 * PORT_DATA, Long.BYTES);

  private SyntheticExit(int reason) {
    memory.set(ValueLayout.JAVA_INT, REASON, reason);
  }

  /** An exit with zeros for data. */
  static SyntheticExit of(int reason) {
    return new SyntheticExit(reason);
  }

  static SyntheticExit portRead(int port, int size, int count) {
    return port(false, port, size, count);
  }

  /** A write of one byte, or of several by a string instruction. */
  static SyntheticExit portWrite(int port, byte... data) {
    SyntheticExit exit = port(true, port, 1, data.length);
    MemorySegment.copy(data, 0, exit.memory, ValueLayout.JAVA_BYTE, PORT_DATA, data.length);
    return exit;
  }

  private static SyntheticExit port(boolean write, int port, int size, int count) {
    SyntheticExit exit = of(ExitReason.IO);
    exit.memory.set(ValueLayout.JAVA_BYTE, EXIT, (byte) (write ? 1 : 0));
    exit.memory.set(ValueLayout.JAVA_BYTE, EXIT + 1, (byte) size);
    exit.memory.set(ValueLayout.JAVA_SHORT, EXIT + 2, (short) port);
    exit.memory.set(ValueLayout.JAVA_INT, EXIT + 4, count);
    exit.memory.set(ValueLayout.JAVA_LONG, EXIT + 8, PORT_DATA);
    return exit;
  }

  static SyntheticExit mmioRead(long address, int length) {
    return mmio(false, address, length, 0);
  }

  static SyntheticExit mmioWrite(long address, int length, long data) {
    return mmio(true, address, length, data);
  }

  private static SyntheticExit mmio(boolean write, long address, int length, long data) {
    SyntheticExit exit = of(ExitReason.MMIO);
    exit.memory.set(ValueLayout.JAVA_LONG, EXIT, address);
    exit.memory.set(ValueLayout.JAVA_LONG, EXIT + 8, data);
    exit.memory.set(ValueLayout.JAVA_INT, EXIT + 16, length);
    exit.memory.set(ValueLayout.JAVA_BYTE, EXIT + 20, (byte) (write ? 1 : 0));
    return exit;
  }

  static SyntheticExit internalError(int suberror) {
    SyntheticExit exit = of(ExitReason.INTERNAL_ERROR);
    exit.memory.set(ValueLayout.JAVA_INT, EXIT, suberror);
    return exit;
  }

  /** An instruction that begins with these bytes and that KVM's emulator lacks. */
  static SyntheticExit notEmulated(byte... code) {
    SyntheticExit exit = internalError(VcpuRun.INTERNAL_ERROR_EMULATION);
    exit.memory.set(ValueLayout.JAVA_INT, EXIT + 4, 1 + 2);
    exit.memory.set(ValueLayout.JAVA_LONG, EXIT + 8, 1);
    exit.memory.set(ValueLayout.JAVA_BYTE, EXIT + 16, (byte) code.length);
    MemorySegment.copy(code, 0, exit.memory, ValueLayout.JAVA_BYTE, EXIT + 17, code.length);
    return exit;
  }

  static SyntheticExit failEntry(long reason, int cpu) {
    SyntheticExit exit = of(ExitReason.FAIL_ENTRY);
    exit.memory.set(ValueLayout.JAVA_LONG, EXIT, reason);
    exit.memory.set(ValueLayout.JAVA_INT, EXIT + 8, cpu);
    return exit;
  }

  static SyntheticExit systemEvent(int type) {
    SyntheticExit exit = of(ExitReason.SYSTEM_EVENT);
    exit.memory.set(ValueLayout.JAVA_INT, EXIT, type);
    return exit;
  }

  VcpuRun run() {
    return new VcpuRun(memory);
  }

  /** The byte that the guest reads in an access, which counts from 0. */
  int portData(int access) {
    return memory.get(ValueLayout.JAVA_BYTE, PORT_DATA + access) & 0xff;
  }

  /** The value that the guest reads by MMIO. */
  long mmioData() {
    return memory.get(ValueLayout.JAVA_LONG, EXIT + 8);
  }
}
