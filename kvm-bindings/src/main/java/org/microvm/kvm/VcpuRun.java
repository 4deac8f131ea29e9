package org.microvm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The memory that a vCPU shares with user space, {@code struct kvm_run}: the exit reason and the
 * data of the exit (KVM API, section 5).
 *
 * <p>For the vCPU's thread only, except {@link #requestImmediateExit}. Only {@link #describe},
 * {@link #internalErrorData} and {@link #instructionBytes} allocate. The offsets are written by
 * hand: a generated class for the struct would have 8,000 lines, most of them for other processors.
 * A test compares the offsets with the values that gcc computes. Any native segment can take the
 * place of the shared memory, so that exit handling can be tested without a guest.
 */
public final class VcpuRun {
  /** Offset of the data of the exit. */
  static final long EXIT = 32;

  static final long IMMEDIATE_EXIT = 1;
  static final long EXIT_REASON = 8;
  static final long READY_FOR_INTERRUPT_INJECTION = 12;
  static final long FLAGS = 14;
  static final long IO_DIRECTION = EXIT;
  static final long IO_SIZE = EXIT + 1;
  static final long IO_PORT = EXIT + 2;
  static final long IO_COUNT = EXIT + 4;
  static final long IO_DATA_OFFSET = EXIT + 8;
  static final long MMIO_ADDRESS = EXIT;
  static final long MMIO_DATA = EXIT + 8;
  static final long MMIO_LENGTH = EXIT + 16;
  static final long MMIO_IS_WRITE = EXIT + 20;
  static final long HARDWARE_EXIT_REASON = EXIT;
  static final long FAIL_ENTRY_REASON = EXIT;
  static final long FAIL_ENTRY_CPU = EXIT + 8;
  static final long INTERNAL_SUBERROR = EXIT;
  static final long INTERNAL_COUNT = EXIT + 4;
  static final long INTERNAL_DATA = EXIT + 8;
  static final long EMULATION_FLAGS = EXIT + 8;
  static final long EMULATION_SIZE = EXIT + 16;
  static final long EMULATION_BYTES = EXIT + 17;
  static final long SYSTEM_EVENT_TYPE = EXIT;
  static final long DEBUG_EXCEPTION = EXIT;
  static final long DEBUG_PC = EXIT + 8;
  static final long MSR_ERROR = EXIT;
  static final long MSR_REASON = EXIT + 8;
  static final long MSR_INDEX = EXIT + 12;
  static final long MSR_DATA = EXIT + 16;

  /** KVM could not emulate an instruction. */
  public static final int INTERNAL_ERROR_EMULATION = 1;

  /** The guest requests a power-off. */
  public static final int SYSTEM_EVENT_SHUTDOWN = 1;

  /** The guest requests a reset. */
  public static final int SYSTEM_EVENT_RESET = 2;

  /** The guest reports that it has crashed. */
  public static final int SYSTEM_EVENT_CRASH = 3;

  private static final int MAX_INTERNAL_DATA = 16;
  private static final int MAX_INSTRUCTION_BYTES = 15;
  private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();

  private final MemorySegment run;

  /**
   * Creates a view of the shared memory.
   *
   * @param run a vCPU's shared memory, or for a test any native segment of a page or more
   */
  public VcpuRun(MemorySegment run) {
    this.run = run;
  }

  /** {@return the whole segment; port I/O data is at {@link #ioDataOffset}} */
  public MemorySegment segment() {
    return run;
  }

  /** {@return the reason for the exit, one of {@link ExitReason} or a newer one} */
  public int exitReason() {
    return run.get(ValueLayout.JAVA_INT, EXIT_REASON);
  }

  /** Makes the current or the next {@code KVM_RUN} return EINTR at once; any thread may call. */
  void requestImmediateExit() {
    // Release: the vCPU thread that sees this must also see what the kicker stored before.
    BYTE.setRelease(run, IMMEDIATE_EXIT, (byte) 1);
  }

  /** Clears the request; the vCPU's thread calls this before it checks why it was kicked. */
  void clearImmediateExit() {
    BYTE.setRelease(run, IMMEDIATE_EXIT, (byte) 0);
    // Clear the flag before the caller checks for messages: a kick whose message the caller misses
    // then sets the flag after the clear, and the next entry returns at once.
    VarHandle.fullFence();
  }

  /** Whether an immediate exit is requested. */
  boolean immediateExit() {
    return (byte) BYTE.getAcquire(run, IMMEDIATE_EXIT) != 0;
  }

  // Port I/O

  /** {@return whether the guest writes, for IO} */
  public boolean ioIsWrite() {
    return run.get(ValueLayout.JAVA_BYTE, IO_DIRECTION) != 0;
  }

  /** {@return the bytes of one access, for IO: 1, 2 or 4} */
  public int ioSize() {
    return run.get(ValueLayout.JAVA_BYTE, IO_SIZE) & 0xff;
  }

  /** {@return the port, for IO: 0 to 65535} */
  public int ioPort() {
    return run.get(ValueLayout.JAVA_SHORT, IO_PORT) & 0xffff;
  }

  /** {@return the number of accesses, for IO; more than one for string instructions} */
  public int ioCount() {
    return run.get(ValueLayout.JAVA_INT, IO_COUNT);
  }

  /**
   * {@return the offset in {@link #segment} of the first access's data, for IO; the others follow}
   */
  public long ioDataOffset() {
    return run.get(ValueLayout.JAVA_LONG, IO_DATA_OFFSET);
  }

  /**
   * {@return the unsigned value that the guest writes in an access, for IO}
   *
   * @param access number of the access, 0 to {@link #ioCount} - 1
   */
  public long ioData(int access) {
    int size = ioSize();
    return load(ioDataOffset() + (long) access * size, size);
  }

  /**
   * Sets the value that the guest reads in an access, for IO.
   *
   * @param access number of the access, 0 to {@link #ioCount} - 1
   * @param value its low {@link #ioSize} bytes are used
   */
  public void ioData(int access, long value) {
    int size = ioSize();
    store(ioDataOffset() + (long) access * size, size, value);
  }

  // Memory-mapped I/O

  /** {@return the guest-physical address, for MMIO} */
  public long mmioAddress() {
    return run.get(ValueLayout.JAVA_LONG, MMIO_ADDRESS);
  }

  /** {@return the bytes of the access, for MMIO: 1 to 8} */
  public int mmioLength() {
    return run.get(ValueLayout.JAVA_INT, MMIO_LENGTH);
  }

  /** {@return whether the guest writes, for MMIO} */
  public boolean mmioIsWrite() {
    return run.get(ValueLayout.JAVA_BYTE, MMIO_IS_WRITE) != 0;
  }

  /**
   * {@return the unsigned value that the guest writes, for MMIO; limited to the bytes of the
   * access}
   */
  public long mmioData() {
    long data = run.get(ValueLayout.JAVA_LONG, MMIO_DATA);
    int length = mmioLength();
    return length >= Long.BYTES ? data : data & ((1L << (8 * length)) - 1);
  }

  /**
   * Sets the value that the guest reads, for MMIO.
   *
   * @param value its low {@link #mmioLength} bytes are used
   */
  public void mmioData(long value) {
    run.set(ValueLayout.JAVA_LONG, MMIO_DATA, value);
  }

  // Exits that end the guest, errors, debugging and model-specific registers

  /** {@return the processor's reason, for UNKNOWN} */
  public long hardwareExitReason() {
    return run.get(ValueLayout.JAVA_LONG, HARDWARE_EXIT_REASON);
  }

  /** {@return the processor's reason, for FAIL_ENTRY} */
  public long failEntryReason() {
    return run.get(ValueLayout.JAVA_LONG, FAIL_ENTRY_REASON);
  }

  /** {@return the number of the host processor, for FAIL_ENTRY} */
  public int failEntryCpu() {
    return run.get(ValueLayout.JAVA_INT, FAIL_ENTRY_CPU);
  }

  /**
   * {@return the kind of error, for INTERNAL_ERROR; most often {@link #INTERNAL_ERROR_EMULATION}}
   */
  public int internalSuberror() {
    return run.get(ValueLayout.JAVA_INT, INTERNAL_SUBERROR);
  }

  /**
   * {@return additional data from the kernel, for INTERNAL_ERROR; may be empty, and the kernel
   * defines its meaning}
   */
  public long[] internalErrorData() {
    int count = Math.clamp(run.get(ValueLayout.JAVA_INT, INTERNAL_COUNT), 0, MAX_INTERNAL_DATA);
    long[] data = new long[count];
    MemorySegment.copy(run, ValueLayout.JAVA_LONG, INTERNAL_DATA, data, 0, count);
    return data;
  }

  /**
   * {@return the bytes at the instruction pointer, for INTERNAL_ERROR; empty if the kernel provides
   * none}
   */
  public byte[] instructionBytes() {
    boolean given =
        internalSuberror() == INTERNAL_ERROR_EMULATION
            && run.get(ValueLayout.JAVA_INT, INTERNAL_COUNT) > 0
            && (run.get(ValueLayout.JAVA_LONG, EMULATION_FLAGS) & 1) != 0;
    int size = given ? run.get(ValueLayout.JAVA_BYTE, EMULATION_SIZE) : 0;
    byte[] bytes = new byte[Math.clamp(size, 0, MAX_INSTRUCTION_BYTES)];
    MemorySegment.copy(run, ValueLayout.JAVA_BYTE, EMULATION_BYTES, bytes, 0, bytes.length);
    return bytes;
  }

  /**
   * {@return the event's type, for SYSTEM_EVENT: one of the {@code SYSTEM_EVENT_} constants or a
   * newer one}
   */
  public int systemEventType() {
    return run.get(ValueLayout.JAVA_INT, SYSTEM_EVENT_TYPE);
  }

  /** {@return the exception, for DEBUG: 1 or 3} */
  public int debugException() {
    return run.get(ValueLayout.JAVA_INT, DEBUG_EXCEPTION);
  }

  /** {@return the guest's instruction pointer, for DEBUG} */
  public long debugPc() {
    return run.get(ValueLayout.JAVA_LONG, DEBUG_PC);
  }

  /** {@return the number of the register, for X86_RDMSR and X86_WRMSR} */
  public int msrIndex() {
    return run.get(ValueLayout.JAVA_INT, MSR_INDEX);
  }

  /** {@return the value that the guest writes, for X86_WRMSR} */
  public long msrData() {
    return run.get(ValueLayout.JAVA_LONG, MSR_DATA);
  }

  /**
   * Sets the value that the guest reads, for X86_RDMSR.
   *
   * @param value all 64 bits
   */
  public void msrData(long value) {
    run.set(ValueLayout.JAVA_LONG, MSR_DATA, value);
  }

  /**
   * Sets how an access to a register ends, for X86_RDMSR and X86_WRMSR.
   *
   * @param fault whether it raises a general protection fault
   */
  public void msrError(boolean fault) {
    run.set(ValueLayout.JAVA_BYTE, MSR_ERROR, (byte) (fault ? 1 : 0));
  }

  /**
   * Describes the exit for a log or an error message.
   *
   * @return the reason's name and what belongs to it, in one line
   */
  public String describe() {
    int reason = exitReason();
    String name = ExitReason.name(reason);
    return switch (reason) {
      case ExitReason.IO ->
          "%s %s port 0x%x size %d count %d"
              .formatted(name, ioIsWrite() ? "write" : "read", ioPort(), ioSize(), ioCount());
      case ExitReason.MMIO ->
          "%s %s 0x%x length %d"
              .formatted(name, mmioIsWrite() ? "write" : "read", mmioAddress(), mmioLength());
      case ExitReason.FAIL_ENTRY ->
          "%s reason 0x%x on host CPU %d".formatted(name, failEntryReason(), failEntryCpu());
      case ExitReason.INTERNAL_ERROR ->
          "%s suberror %d data %s".formatted(name, internalSuberror(), hex(internalErrorData()));
      case ExitReason.SYSTEM_EVENT -> name + " type " + systemEventType();
      case ExitReason.UNKNOWN -> "%s reason 0x%x".formatted(name, hardwareExitReason());
      default -> name;
    };
  }

  private static String hex(long[] values) {
    return Arrays.toString(Arrays.stream(values).mapToObj(Long::toHexString).toArray());
  }

  private long load(long offset, int size) {
    return switch (size) {
      case 1 -> run.get(ValueLayout.JAVA_BYTE, offset) & 0xffL;
      case 2 -> run.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset) & 0xffffL;
      case 4 -> run.get(ValueLayout.JAVA_INT_UNALIGNED, offset) & 0xffff_ffffL;
      default ->
          throw new IllegalStateException("port access of " + size + " bytes, not 1, 2 or 4");
    };
  }

  private void store(long offset, int size, long value) {
    switch (size) {
      case 1 -> run.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
      case 2 -> run.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) value);
      case 4 -> run.set(ValueLayout.JAVA_INT_UNALIGNED, offset, (int) value);
      default ->
          throw new IllegalStateException("port access of " + size + " bytes, not 1, 2 or 4");
    }
  }
}
