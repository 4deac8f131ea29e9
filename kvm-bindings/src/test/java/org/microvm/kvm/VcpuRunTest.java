package org.microvm.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Decodes exits from a segment that stands in for the shared memory of a vCPU. */
class VcpuRunTest {
  private final MemorySegment memory = Arena.ofAuto().allocate(4096, 4096);
  private final VcpuRun run = new VcpuRun(memory);

  private void exit(int reason) {
    memory.set(ValueLayout.JAVA_INT, VcpuRun.EXIT_REASON, reason);
  }

  private void io(boolean write, int size, int port, int count) {
    exit(ExitReason.IO);
    memory.set(ValueLayout.JAVA_BYTE, VcpuRun.IO_DIRECTION, (byte) (write ? 1 : 0));
    memory.set(ValueLayout.JAVA_BYTE, VcpuRun.IO_SIZE, (byte) size);
    memory.set(ValueLayout.JAVA_SHORT, VcpuRun.IO_PORT, (short) port);
    memory.set(ValueLayout.JAVA_INT, VcpuRun.IO_COUNT, count);
    memory.set(ValueLayout.JAVA_LONG, VcpuRun.IO_DATA_OFFSET, 1024L);
  }

  @Test
  void ioData_isUnsignedAndByAccess() {
    io(true, 2, 0xfff0, 2);
    memory.set(ValueLayout.JAVA_SHORT, 1026, (short) 0xfffe);

    assertEquals(0xfffe, run.ioData(1));
    assertEquals(0xfff0, run.ioPort());
    assertTrue(run.ioIsWrite());
    assertEquals(2, run.ioCount());
  }

  @Test
  void ioData_fourBytesBothWays() {
    io(false, 4, 0xcf8, 1);
    run.ioData(0, 0xffff_ffffL);

    assertEquals(0xffff_ffffL, run.ioData(0));
    assertEquals(0, memory.get(ValueLayout.JAVA_INT, 1028));
    assertFalse(run.ioIsWrite());
  }

  @Test
  void ioData_aSizeThatNoProcessorHasIsAnError() {
    io(true, 3, 0x80, 1);

    assertThrows(IllegalStateException.class, () -> run.ioData(0));
  }

  @Test
  void mmioData_hasAsManyBytesAsTheAccess() {
    memory.set(ValueLayout.JAVA_LONG, VcpuRun.MMIO_DATA, -2L);
    memory.set(ValueLayout.JAVA_INT, VcpuRun.MMIO_LENGTH, 1);
    assertEquals(0xfe, run.mmioData());
    memory.set(ValueLayout.JAVA_INT, VcpuRun.MMIO_LENGTH, 4);
    assertEquals(0xffff_fffeL, run.mmioData());
    memory.set(ValueLayout.JAVA_INT, VcpuRun.MMIO_LENGTH, 8);
    assertEquals(-2L, run.mmioData());
  }

  @Test
  void immediateExit_setAndCleared() {
    run.requestImmediateExit();
    assertTrue(run.immediateExit());
    run.clearImmediateExit();
    assertFalse(run.immediateExit());
  }

  @Test
  void emulationError_givesTheInstruction() {
    exit(ExitReason.INTERNAL_ERROR);
    memory.set(ValueLayout.JAVA_INT, VcpuRun.INTERNAL_SUBERROR, 1);
    memory.set(ValueLayout.JAVA_INT, VcpuRun.INTERNAL_COUNT, 3);
    memory.set(ValueLayout.JAVA_LONG, VcpuRun.EMULATION_FLAGS, 1L);
    memory.set(ValueLayout.JAVA_BYTE, VcpuRun.EMULATION_SIZE, (byte) 2);
    memory.set(ValueLayout.JAVA_BYTE, VcpuRun.EMULATION_BYTES, (byte) 0xcc);

    assertArrayEquals(TinyGuest.bytes(0xcc, 0), run.instructionBytes());
    assertEquals("INTERNAL_ERROR suberror 1 data [1, cc02, 0]", run.describe());
  }

  @Test
  void emulationError_withoutBytesGivesNone() {
    exit(ExitReason.INTERNAL_ERROR);
    memory.set(ValueLayout.JAVA_INT, VcpuRun.INTERNAL_SUBERROR, 1);

    assertEquals(0, run.instructionBytes().length);
    assertEquals("INTERNAL_ERROR suberror 1 data []", run.describe());
  }

  @Test
  void describe_unknownReasonHasItsNumber() {
    exit(4711);

    assertEquals("exit reason 4711", run.describe());
  }

  @Test
  void describe_failEntry() {
    exit(ExitReason.FAIL_ENTRY);
    memory.set(ValueLayout.JAVA_LONG, VcpuRun.FAIL_ENTRY_REASON, 0x8000_0021L);
    memory.set(ValueLayout.JAVA_INT, VcpuRun.FAIL_ENTRY_CPU, 3);

    assertEquals("FAIL_ENTRY reason 0x80000021 on host CPU 3", run.describe());
  }

  @Test
  void msr_answerAndFault() {
    memory.set(ValueLayout.JAVA_INT, VcpuRun.MSR_INDEX, 0x10a);
    run.msrData(7);
    run.msrError(true);

    assertEquals(0x10a, run.msrIndex());
    assertEquals(7, run.msrData());
    assertEquals(1, memory.get(ValueLayout.JAVA_BYTE, VcpuRun.MSR_ERROR));
  }
}
