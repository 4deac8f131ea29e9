package org.microvm.kvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The memory that a vCPU shares with its user: why it exited, and the data of the exit.
 *
 * <p>Belongs to the vCPU's thread, save for {@link #requestImmediateExit}. Nothing allocates except
 * {@link #describe} and {@link #internalErrorData}. The offsets are those of {@code struct
 * kvm_run}; that struct is not generated, since most of it is for other processors (8,000 lines of
 * Java). A test compares the offsets with what gcc says. Any segment will do, so that exit handling
 * can be tested without a guest.
 */
public final class VcpuRun {
  /** Where the data of the exit begins. */
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

  /** The guest asks to be powered off. */
  public static final int SYSTEM_EVENT_SHUTDOWN = 1;

  /** The guest asks to be reset. */
  public static final int SYSTEM_EVENT_RESET = 2;

  /** The guest says that it has crashed. */
  public static final int SYSTEM_EVENT_CRASH = 3;

  private static final int MAX_INTERNAL_DATA = 16;
  private static final int MAX_INSTRUCTION_BYTES = 15;
  private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();

  private final MemorySegment run;

  /**
   * @param run a vCPU's shared memory, or for a test any native segment of a page or more
   */
  public VcpuRun(MemorySegment run) {
    this.run = run;
  }

  /** All of it; port I/O data lies at {@link #ioDataOffset}. */
  public MemorySegment segment() {
    return run;
  }

  /** Why the vCPU came back, one of {@link ExitReason}. */
  public int exitReason() {
    return run.get(ValueLayout.JAVA_INT, EXIT_REASON);
  }

  /** Makes the next or the current entry return EINTR at once; from any thread. */
  void requestImmediateExit() {
    // Release: what the kicker stored before must be seen by the vCPU thread that sees this.
    BYTE.setRelease(run, IMMEDIATE_EXIT, (byte) 1);
  }

  /** Takes that back; the vCPU's thread, before it looks at what it was kicked for. */
  void clearImmediateExit() {
    BYTE.setRelease(run, IMMEDIATE_EXIT, (byte) 0);
    // The clear before the caller's look at its mailbox: a kick whose mail is missed then sets the
    // flag after the clear, and the next entry returns at once.
    VarHandle.fullFence();
  }

  /** Whether an immediate exit is asked for. */
  boolean immediateExit() {
    return (byte) BYTE.getAcquire(run, IMMEDIATE_EXIT) != 0;
  }

  // Port I/O

  /** IO: whether the guest writes. */
  public boolean ioIsWrite() {
    return run.get(ValueLayout.JAVA_BYTE, IO_DIRECTION) != 0;
  }

  /** IO: bytes of one access: 1, 2 or 4. */
  public int ioSize() {
    return run.get(ValueLayout.JAVA_BYTE, IO_SIZE) & 0xff;
  }

  /** IO: the port. */
  public int ioPort() {
    return run.get(ValueLayout.JAVA_SHORT, IO_PORT) & 0xffff;
  }

  /** IO: how many accesses; more than one for string instructions. */
  public int ioCount() {
    return run.get(ValueLayout.JAVA_INT, IO_COUNT);
  }

  /** IO: where in {@link #segment} the data of the first access is; the others follow. */
  public long ioDataOffset() {
    return run.get(ValueLayout.JAVA_LONG, IO_DATA_OFFSET);
  }

  /** IO: what the guest writes in the access with this number, from 0; unsigned. */
  public long ioData(int access) {
    int size = ioSize();
    return load(ioDataOffset() + (long) access * size, size);
  }

  /** IO: what the guest is to read in the access with this number, from 0. */
  public void ioData(int access, long value) {
    int size = ioSize();
    store(ioDataOffset() + (long) access * size, size, value);
  }

  // Memory-mapped I/O

  /** MMIO: the guest-physical address. */
  public long mmioAddress() {
    return run.get(ValueLayout.JAVA_LONG, MMIO_ADDRESS);
  }

  /** MMIO: bytes of the access, 1 to 8. */
  public int mmioLength() {
    return run.get(ValueLayout.JAVA_INT, MMIO_LENGTH);
  }

  /** MMIO: whether the guest writes. */
  public boolean mmioIsWrite() {
    return run.get(ValueLayout.JAVA_BYTE, MMIO_IS_WRITE) != 0;
  }

  /** MMIO: what the guest writes; unsigned, as many bytes as the access has. */
  public long mmioData() {
    long data = run.get(ValueLayout.JAVA_LONG, MMIO_DATA);
    int length = mmioLength();
    return length >= Long.BYTES ? data : data & ((1L << (8 * length)) - 1);
  }

  /** MMIO: what the guest is to read. */
  public void mmioData(long value) {
    run.set(ValueLayout.JAVA_LONG, MMIO_DATA, value);
  }

  // Ends and errors

  /** UNKNOWN: the processor's reason. */
  public long hardwareExitReason() {
    return run.get(ValueLayout.JAVA_LONG, HARDWARE_EXIT_REASON);
  }

  /** FAIL_ENTRY: the processor's reason. */
  public long failEntryReason() {
    return run.get(ValueLayout.JAVA_LONG, FAIL_ENTRY_REASON);
  }

  /** FAIL_ENTRY: the host processor. */
  public int failEntryCpu() {
    return run.get(ValueLayout.JAVA_INT, FAIL_ENTRY_CPU);
  }

  /** INTERNAL_ERROR: which kind, {@link #INTERNAL_ERROR_EMULATION} most often. */
  public int internalSuberror() {
    return run.get(ValueLayout.JAVA_INT, INTERNAL_SUBERROR);
  }

  /** INTERNAL_ERROR: what the kernel adds; its meaning is the kernel's affair. */
  public long[] internalErrorData() {
    int count = Math.clamp(run.get(ValueLayout.JAVA_INT, INTERNAL_COUNT), 0, MAX_INTERNAL_DATA);
    long[] data = new long[count];
    MemorySegment.copy(run, ValueLayout.JAVA_LONG, INTERNAL_DATA, data, 0, count);
    return data;
  }

  /** INTERNAL_ERROR: the bytes at the instruction pointer, as many as the kernel gives. */
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

  /** SYSTEM_EVENT: which, one of the {@code SYSTEM_EVENT_} constants or a later one. */
  public int systemEventType() {
    return run.get(ValueLayout.JAVA_INT, SYSTEM_EVENT_TYPE);
  }

  /** DEBUG: the exception, 1 or 3. */
  public int debugException() {
    return run.get(ValueLayout.JAVA_INT, DEBUG_EXCEPTION);
  }

  /** DEBUG: the guest's instruction pointer. */
  public long debugPc() {
    return run.get(ValueLayout.JAVA_LONG, DEBUG_PC);
  }

  /** X86_RDMSR and X86_WRMSR: the register. */
  public int msrIndex() {
    return run.get(ValueLayout.JAVA_INT, MSR_INDEX);
  }

  /** X86_WRMSR: the value. */
  public long msrData() {
    return run.get(ValueLayout.JAVA_LONG, MSR_DATA);
  }

  /** X86_RDMSR: the answer. */
  public void msrData(long value) {
    run.set(ValueLayout.JAVA_LONG, MSR_DATA, value);
  }

  /** X86_RDMSR and X86_WRMSR: answers with a general protection fault, or not. */
  public void msrError(boolean fault) {
    run.set(ValueLayout.JAVA_BYTE, MSR_ERROR, (byte) (fault ? 1 : 0));
  }

  /** The exit in words, for a log or an error message. */
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
      default -> throw new IllegalStateException("port access of " + size + " bytes");
    };
  }

  private void store(long offset, int size, long value) {
    switch (size) {
      case 1 -> run.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
      case 2 -> run.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) value);
      case 4 -> run.set(ValueLayout.JAVA_INT_UNALIGNED, offset, (int) value);
      default -> throw new IllegalStateException("port access of " + size + " bytes");
    }
  }
}
