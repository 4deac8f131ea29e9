package org.microvm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.Mapping;
import org.microvm.linux.ThreadActivity;
import org.microvm.syscall.Descriptor;
import org.microvm.syscall.KickSignal;
import org.microvm.syscall.Syscalls;

/**
 * A virtual processor (KVM API, KVM_CREATE_VCPU and KVM_RUN).
 *
 * <p>One platform thread runs it. The other methods are for that thread too, or for any thread
 * while the vCPU is not running; only {@link #kick} is for any thread at any time. {@link #run}
 * allocates nothing.
 *
 * <p>A kick makes {@code run} return EINTR: it interrupts a running guest; at any other time it
 * makes the next {@code run} return at once. Several kicks may be merged into one. So a kicker
 * first stores its message, then kicks; the thread checks for messages whenever {@code run} returns
 * EINTR, and none is lost.
 */
public final class Vcpu implements AutoCloseable {
  /**
   * The values of {@link #phase}. A kicker may send its signal only while the vCPU's thread cannot
   * leave {@code run}.
   */
  private static final int OUTSIDE = 0;

  private static final int INSIDE = 1;
  private static final int BEING_SIGNALLED = 2;
  private static final int CLOSED = 3;

  private static final VarHandle PHASE = phase();

  private final int id;
  private final Descriptor descriptor;
  private final Mapping mapping;
  private final VcpuRun run;
  private final int extendedStateBytes;
  private final VcpuClock clock;

  private volatile int phase = OUTSIDE;

  /** The thread that ran it last, and its number. */
  private Thread thread;

  private volatile int tid;

  Vcpu(int id, Descriptor descriptor, int mmapSize, int extendedStateBytes) throws ErrnoException {
    this.id = id;
    this.descriptor = descriptor;
    this.mapping = Mapping.shared(Fd.of(descriptor, "vCPU " + id), 0, mmapSize);
    this.run = new VcpuRun(mapping.segment());
    this.extendedStateBytes = extendedStateBytes;
    this.clock = new VcpuClock(descriptor, "vCPU " + id);
  }

  private static VarHandle phase() {
    try {
      return MethodHandles.lookup().findVarHandle(Vcpu.class, "phase", int.class);
    } catch (ReflectiveOperationException impossible) {
      throw new ExceptionInInitializerError(impossible);
    }
  }

  /** {@return the vCPU's number in the VM, from 0; its local APIC ID may be another number} */
  public int id() {
    return id;
  }

  /**
   * {@return the memory shared with user space; {@link VcpuRun#exitReason} is valid after {@link
   * #run} has returned 0}
   */
  public VcpuRun runState() {
    return run;
  }

  /**
   * Runs the guest until it exits to user space.
   *
   * <p>The first call on a thread blocks the kick signal in that thread permanently.
   *
   * @return 0 for an exit; or an error number: EINTR after a kick, possibly after another signal;
   *     EAGAIN for a vCPU that waits to be started; any other for a VM that cannot continue
   */
  public int run() {
    if (Thread.currentThread() != thread) {
      int errno = bind();
      if (errno != 0 && phase != CLOSED) {
        return errno;
      }
    }
    if (!PHASE.compareAndSet(this, OUTSIDE, INSIDE)) {
      throw new IllegalStateException("vCPU " + id + " is closed, or running on another thread");
    }
    long result;
    try {
      result = descriptor.ioctl(Ioctls.KVM_RUN(), 0);
    } finally {
      while (!PHASE.compareAndSet(this, INSIDE, OUTSIDE)) {
        Thread.onSpinWait(); // A kicker is in the few instructions around its tgkill.
      }
    }
    if (result == -Errno.EINTR) {
      // In this order: a kick after the clear is a new one, and the caller checks for messages
      // later.
      KickSignal.drain();
      run.clearImmediateExit();
    }
    return result < 0 ? (int) -result : 0;
  }

  /**
   * Makes {@link #run} return; see the class comment. Allocates nothing, does not block, and does
   * nothing once the vCPU is closed.
   */
  public void kick() {
    if (phase == CLOSED) {
      return;
    }
    try {
      run.requestImmediateExit();
    } catch (IllegalStateException closedMeanwhile) {
      return; // Thrown by the mapping, whose memory is never accessed once unmapped.
    }
    // Store the request before reading the phase: either this thread sees the vCPU's thread inside
    // run, or that thread sees the request when it enters.
    VarHandle.fullFence();
    if (PHASE.compareAndSet(this, INSIDE, BEING_SIGNALLED)) {
      try {
        KickSignal.send(tid);
      } finally {
        phase = INSIDE;
      }
    }
  }

  /**
   * {@return whether a thread is in {@link #run}; the answer to another thread may be out of date}
   */
  public boolean isRunning() {
    int now = phase;
    return now == INSIDE || now == BEING_SIGNALLED;
  }

  /**
   * Returns the number of context switches of the thread that is in {@link #run}, if it sleeps
   * there, as it does while the guest is halted. Any thread may call; the vCPU is not interrupted.
   *
   * @return {@link ThreadActivity#AWAKE} if it does not sleep, or no thread is in {@link #run}
   */
  public long switchesIfAsleep() {
    return isRunning() ? ThreadActivity.switchesIfAsleep(tid) : ThreadActivity.AWAKE;
  }

  /**
   * {@return the id of the thread that runs the vCPU (gettid(2)); 0 before the first {@link #run}}
   */
  public int threadId() {
    return tid;
  }

  /** Makes the calling thread the vCPU's; returns 0 or the error number. */
  private int bind() {
    long mask = KickSignal.block();
    // struct kvm_signal_mask: the length, then the set without any padding.
    MemorySegment struct = Syscalls.scratch(Integer.BYTES + Long.BYTES);
    struct.set(ValueLayout.JAVA_INT, 0, Long.BYTES);
    struct.set(ValueLayout.JAVA_LONG_UNALIGNED, Integer.BYTES, mask);
    long result = descriptor.ioctl(Ioctls.KVM_SET_SIGNAL_MASK(), struct);
    if (result < 0) {
      return (int) -result;
    }
    tid = Syscalls.gettid();
    thread = Thread.currentThread();
    return 0;
  }

  /**
   * Fills the buffer with the general registers.
   *
   * @param registers receives the values
   * @throws ErrnoException if the vCPU is closed
   */
  public void get(Registers registers) throws ErrnoException {
    ioctl("KVM_GET_REGS", Ioctls.KVM_GET_REGS(), registers.segment());
  }

  /**
   * Sets the general registers.
   *
   * @param registers the values to set, all of them
   * @throws ErrnoException if KVM refuses the values or the vCPU is closed
   */
  public void set(Registers registers) throws ErrnoException {
    ioctl("KVM_SET_REGS", Ioctls.KVM_SET_REGS(), registers.segment());
  }

  /**
   * Fills the buffer with the segment and control registers.
   *
   * @param registers receives the values
   * @throws ErrnoException if the vCPU is closed
   */
  public void get(SpecialRegisters registers) throws ErrnoException {
    ioctl("KVM_GET_SREGS", Ioctls.KVM_GET_SREGS(), registers.segment());
  }

  /**
   * Sets the segment and control registers.
   *
   * @param registers the values to set, all of them
   * @throws ErrnoException if KVM refuses the values, for example of a control register, or the
   *     vCPU is closed
   */
  public void set(SpecialRegisters registers) throws ErrnoException {
    ioctl("KVM_SET_SREGS", Ioctls.KVM_SET_SREGS(), registers.segment());
  }

  /**
   * Sets the guest's CPUID leaves; call it before the first {@link #run}.
   *
   * @param cpuid the leaves; copied by KVM
   * @throws ErrnoException if KVM refuses the leaves or the vCPU is closed
   */
  public void set(Cpuid cpuid) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      ioctl("KVM_SET_CPUID2", Ioctls.KVM_SET_CPUID2(), cpuid.toStruct(arena));
    }
  }

  /**
   * {@return the guest's CPUID leaves, as a copy}
   *
   * @throws ErrnoException if the vCPU is closed
   */
  public Cpuid cpuid() throws ErrnoException {
    return Cpuid.read(descriptor, "KVM_GET_CPUID2", Ioctls.KVM_GET_CPUID2());
  }

  /**
   * Reads model-specific registers into the buffer.
   *
   * @param msrs names the registers and receives their values
   * @return how many were read; fewer than requested if KVM does not know the next one
   * @throws ErrnoException if the list is too long for KVM or the vCPU is closed
   */
  public int get(Msrs msrs) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = msrs.toStruct(arena);
      int read = (int) ioctl("KVM_GET_MSRS", Ioctls.KVM_GET_MSRS(), struct);
      msrs.take(struct);
      return read;
    }
  }

  /**
   * Sets model-specific registers.
   *
   * @param msrs the registers and their values
   * @return how many were set; fewer than requested if KVM refuses the next one
   * @throws ErrnoException if the list is too long for KVM or the vCPU is closed
   */
  public int set(Msrs msrs) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      return (int) ioctl("KVM_SET_MSRS", Ioctls.KVM_SET_MSRS(), msrs.toStruct(arena));
    }
  }

  /**
   * Saves a part of the state.
   *
   * @param part what to save
   * @return the bytes of the kernel's struct, at least {@link VcpuState#bytes}
   * @throws ErrnoException if KVM lacks this state or the vCPU is closed
   */
  public byte[] save(VcpuState part) throws ErrnoException {
    return part.save(descriptor, extendedStateBytes);
  }

  /**
   * Restores a part of the state.
   *
   * @param part what to restore
   * @param state what {@link #save} has returned for this part
   * @throws IllegalArgumentException if the bytes are too few or too many for this host
   * @throws ErrnoException if KVM refuses the state or the vCPU is closed
   */
  public void restore(VcpuState part, byte[] state) throws ErrnoException {
    part.restore(descriptor, extendedStateBytes, state);
  }

  /**
   * Injects an exception without an error code; the guest takes it before its next instruction.
   *
   * <p>The vectors 3 (#BP) and 4 (#OF) are for KVM without hardware virtualization: on AMD, KVM
   * takes them for an INT3 or INTO at RIP ({@code svm_update_soft_interrupt_rip},
   * arch/x86/kvm/svm/svm.c).
   *
   * @param vector number of the exception, 0 to 31
   * @throws ErrnoException if KVM refuses the vector or the vCPU is closed
   */
  public void injectException(int vector) throws ErrnoException {
    injectException(vector, false, 0);
  }

  /**
   * Injects an exception with an error code; the guest takes it before its next instruction.
   *
   * @param vector number of the exception, 0 to 31
   * @param errorCode what the processor pushes onto the guest's stack
   * @throws ErrnoException if KVM refuses the vector or the vCPU is closed
   */
  public void injectException(int vector, int errorCode) throws ErrnoException {
    injectException(vector, true, errorCode);
  }

  private void injectException(int vector, boolean hasCode, int code) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment events = arena.allocate(Ioctls.EVENTS_BYTES, Long.BYTES);
      ioctl("KVM_GET_VCPU_EVENTS", Ioctls.KVM_GET_VCPU_EVENTS(), events);
      VcpuStructs.exception(events, vector, hasCode, code);
      ioctl("KVM_SET_VCPU_EVENTS", Ioctls.KVM_SET_VCPU_EVENTS(), events);
    }
  }

  /**
   * Makes the guest exit with {@link ExitReason#DEBUG} before it executes the instruction at an
   * address, every time, until the next call. The guest's own breakpoints have no effect meanwhile.
   *
   * @param address the linear address of the instruction
   * @throws ErrnoException if KVM cannot set breakpoints or the vCPU is closed
   */
  public void breakpoint(long address) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment debug = arena.allocate(Ioctls.GUEST_DEBUG_BYTES, Long.BYTES);
      VcpuStructs.breakpoint(debug, address);
      ioctl("KVM_SET_GUEST_DEBUG", Ioctls.KVM_SET_GUEST_DEBUG(), debug);
    }
  }

  /**
   * Injects a non-maskable interrupt.
   *
   * @throws ErrnoException if the vCPU is closed
   */
  public void nmi() throws ErrnoException {
    ErrnoException.check(descriptor.ioctl(Ioctls.KVM_NMI(), 0), "KVM_NMI", this);
  }

  /** {@return the vCPU's time stamp counter and clock} */
  public VcpuClock clock() {
    return clock;
  }

  /**
   * Opens the vCPU's counters.
   *
   * @return the counters, which the caller closes
   * @throws ErrnoException if KVM has no counters to read or the vCPU is closed
   */
  public KvmStats statistics() throws ErrnoException {
    return KvmStats.open(descriptor, toString());
  }

  /**
   * Unmaps the shared memory and closes the descriptor; the vCPU's thread must not call {@link
   * #run} again. Later calls do nothing.
   *
   * @throws IllegalStateException if it is running
   */
  @Override
  public void close() {
    int before = (int) PHASE.compareAndExchange(this, OUTSIDE, CLOSED);
    if (before == CLOSED) {
      return;
    }
    if (before != OUTSIDE) {
      throw new IllegalStateException("vCPU " + id + " is running: stop its thread, then close");
    }
    mapping.close();
    descriptor.close();
  }

  @Override
  public String toString() {
    return "vCPU " + id;
  }

  private long ioctl(String name, long request, MemorySegment struct) throws ErrnoException {
    return ErrnoException.check(descriptor.ioctl(request, struct), name, this);
  }
}
