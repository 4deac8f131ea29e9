package org.microvm.syscall;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import org.microvm.bindings.Linux;
import org.microvm.bindings.epoll_event;

/**
 * Every system call of this module, made through libc's {@code syscall(2)}.
 *
 * <p>One function means one signature to link. That matters: the first downcall handle of a process
 * costs tens of milliseconds and each new signature 2 to 12 more, while a call through the variadic
 * {@code syscall} costs as much as one through {@code read} or {@code ioctl}.
 *
 * <p>A call returns its result, or {@code -errno}; nothing is thrown and nothing allocated.
 * Pointers are passed as addresses, so the caller keeps the memory alive for the time of the call.
 * Any thread may call; a thread in a call does not hold up the garbage collector.
 */
public final class Syscalls {
  private static final int SCRATCH_BYTES = 512;

  /** Numbers from asm/unistd_64.h that the generated constants do not include. */
  private static final int SYS_POLL = 7;

  private static final int SYS_GETPGRP = 111;

  private static final int SYS_FCHMOD = 91;

  private static final int SYS_GETEUID = 107;

  private static final int SYS_SETSID = 112;

  private static final int SYS_EXIT_GROUP = 231;

  private static final int SYS_DUP3 = 292;

  /** {@code _IO(KVMIO, 0x80)} of linux/kvm.h. */
  private static final long KVM_RUN = 0xae80;

  /** From asm-generic/errno-base.h. */
  private static final int EINTR = 4;

  /**
   * Whether calls can be interposed: only in tests, which run with assertions. Otherwise the
   * compilers leave the test of this constant out.
   */
  private static final boolean TESTED = Syscalls.class.desiredAssertionStatus();

  /** Intercepts all calls, or null; only if {@link #TESTED}. */
  private static volatile Interposer interposer;

  private static final StructLayout CAPTURE = Linker.Option.captureStateLayout();
  private static final long ERRNO =
      CAPTURE.byteOffset(MemoryLayout.PathElement.groupElement("errno"));

  /**
   * Takes the address of the function to call; a handle bound to one function would make a start
   * take 4 ms longer.
   */
  private static final MethodHandle CALL = link();

  private static final MemorySegment SYSCALL = function("syscall");

  /** Native memory of one thread: for the captured errno and for small structs. */
  private static final class PerThread {
    final MemorySegment capture;
    final MemorySegment scratch;

    PerThread() {
      // Automatic: nothing reports the end of a thread, so the garbage collector frees it.
      Arena arena = Arena.ofAuto();
      capture = arena.allocate(CAPTURE);
      scratch = arena.allocate(SCRATCH_BYTES, 16);
    }
  }

  private static final ThreadLocal<PerThread> PER_THREAD = ThreadLocal.withInitial(PerThread::new);

  private Syscalls() {}

  @SuppressWarnings("restricted")
  private static MethodHandle link() {
    ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
    return Linker.nativeLinker()
        .downcallHandle(
            FunctionDescriptor.of(word, word, word, word, word, word, word, word),
            Linker.Option.firstVariadicArg(1),
            Linker.Option.captureCallState("errno"));
  }

  /** Sets the interposer of all calls from now on, or null for none; for tests. */
  static void interpose(Interposer next) {
    if (!TESTED) {
      throw new IllegalStateException("calls can be interposed only with assertions enabled");
    }
    interposer = next;
  }

  /** The address of a function of the C library. */
  static MemorySegment function(String name) {
    return Linker.nativeLinker()
        .defaultLookup()
        .find(name)
        .orElseThrow(() -> new UnsatisfiedLinkError("the C library has no " + name));
  }

  /**
   * {@code SIGRTMIN}: the C library reserves the lowest real-time signals, and how many depends on
   * the library.
   *
   * <p>The function has no parameters, and in the x86-64 ABI surplus arguments do no harm, so the
   * handle that is already linked can call it.
   */
  static int firstRealTimeSignal() {
    return (int) callFunction(function("__libc_current_sigrtmin"), 0, 0, 0);
  }

  /** Calls a native function that has up to three integer parameters and returns an integer. */
  static long callFunction(MemorySegment function, long a, long b, long c) {
    try {
      MemorySegment capture = PER_THREAD.get().capture;
      return (long) CALL.invokeExact(function, capture, a, b, c, 0L, 0L, 0L, 0L);
    } catch (Throwable failure) {
      throw new AssertionError("a downcall itself does not throw", failure);
    }
  }

  /**
   * Zeroed memory of the calling thread for the arguments of its next call; the next use of it by
   * the same thread overwrites it, so it must not be kept.
   */
  public static MemorySegment scratch(long bytes) {
    MemorySegment scratch = PER_THREAD.get().scratch.asSlice(0, bytes);
    return scratch.fill((byte) 0);
  }

  /** {@code ioctl} with a struct of two ints, without allocation. */
  public static long ioctl(int fd, long request, int first, int second) {
    MemorySegment struct = PER_THREAD.get().scratch;
    struct.set(ValueLayout.JAVA_INT, 0, first);
    struct.set(ValueLayout.JAVA_INT, Integer.BYTES, second);
    return ioctl(fd, request, struct.address());
  }

  /**
   * Makes a system call; makes it again if a signal interrupts it, unless signals are to end it. A
   * process that is stopped and continued (SIGSTOP, SIGCONT) interrupts some calls although it
   * handles no signal, see signal(7).
   */
  static long call(long number, long a, long b, long c, long d, long e, long f) {
    long result = callOnce(number, a, b, c, d, e, f);
    while (result == -EINTR && isRestarted(number, b)) {
      result = callOnce(number, a, b, c, d, e, f);
    }
    return result;
  }

  private static long callOnce(long number, long a, long b, long c, long d, long e, long f) {
    if (TESTED) {
      Interposer present = interposer;
      long instead = present == null ? 0 : present.before(number, a, b);
      if (instead < 0) {
        return instead;
      }
    }
    MemorySegment capture = PER_THREAD.get().capture;
    long result;
    try {
      result = (long) CALL.invokeExact(SYSCALL, capture, number, a, b, c, d, e, f);
    } catch (Throwable failure) {
      throw new AssertionError("a downcall itself does not throw", failure);
    }
    return result == -1 ? -capture.get(ValueLayout.JAVA_INT, ERRNO) : result;
  }

  /**
   * Whether a call is made again after EINTR. A kick ends KVM_RUN, and the callers of the others
   * check the time, or their state, before they wait again. After EINTR, the kernel continues to
   * establish a connection, and a descriptor is already closed.
   */
  private static boolean isRestarted(long number, long request) {
    return !(number == Linux.SYS_ioctl() && request == KVM_RUN)
        && number != Linux.SYS_epoll_wait()
        && number != SYS_POLL
        && number != Linux.SYS_connect()
        && number != Linux.SYS_close();
  }

  private static long call(long number, long a, long b, long c) {
    return call(number, a, b, c, 0, 0, 0);
  }

  /** {@code read(fd, buffer, length)}. */
  public static long read(int fd, long buffer, long length) {
    return call(Linux.SYS_read(), fd, buffer, length);
  }

  /** Reads an eventfd's or timerfd's counter, which is below 2<sup>63</sup>: its value. */
  public static long readCounter(int fd) {
    MemorySegment count = PER_THREAD.get().scratch;
    long result = read(fd, count.address(), Long.BYTES);
    return result < 0 ? result : count.get(ValueLayout.JAVA_LONG, 0);
  }

  /** {@code poll({fd, events}, 1, timeout)}; the timeout is in milliseconds, -1 for none. */
  public static long poll(int fd, int events, int timeout) {
    MemorySegment entry = PER_THREAD.get().scratch;
    entry.set(ValueLayout.JAVA_INT, 0, fd);
    entry.set(ValueLayout.JAVA_INT, Integer.BYTES, events);
    return call(SYS_POLL, entry.address(), 1, timeout);
  }

  /** {@code getpgrp()}. */
  public static int getpgrp() {
    return (int) call(SYS_GETPGRP, 0, 0, 0);
  }

  /** {@code write(fd, buffer, length)}. */
  public static long write(int fd, long buffer, long length) {
    return call(Linux.SYS_write(), fd, buffer, length);
  }

  /** {@code readv(fd, iovecs, count)}. */
  public static long readv(int fd, long iovecs, int count) {
    return call(Linux.SYS_readv(), fd, iovecs, count);
  }

  /** {@code writev(fd, iovecs, count)}. */
  public static long writev(int fd, long iovecs, int count) {
    return call(Linux.SYS_writev(), fd, iovecs, count);
  }

  /** {@code pread(fd, buffer, length, offset)}. */
  public static long pread(int fd, long buffer, long length, long offset) {
    return call(Linux.SYS_pread64(), fd, buffer, length, offset, 0, 0);
  }

  /** {@code pwrite(fd, buffer, length, offset)}. */
  public static long pwrite(int fd, long buffer, long length, long offset) {
    return call(Linux.SYS_pwrite64(), fd, buffer, length, offset, 0, 0);
  }

  /**
   * {@code preadv(fd, iovecs, count, offset)}; the kernel takes the offset as low and high word.
   */
  public static long preadv(int fd, long iovecs, int count, long offset) {
    return call(Linux.SYS_preadv(), fd, iovecs, count, offset, 0, 0);
  }

  /** {@code pwritev(fd, iovecs, count, offset)}. */
  public static long pwritev(int fd, long iovecs, int count, long offset) {
    return call(Linux.SYS_pwritev(), fd, iovecs, count, offset, 0, 0);
  }

  /** {@code open(path, flags, mode)}, close-on-exec. */
  public static long open(String path, int flags, int mode) {
    try (Arena arena = Arena.ofConfined()) {
      return call(
          Linux.SYS_openat(),
          Linux.AT_FDCWD(),
          arena.allocateFrom(path).address(),
          flags | Linux.O_CLOEXEC(),
          mode,
          0,
          0);
    }
  }

  /** {@code close(fd)}. */
  public static long close(int fd) {
    return call(Linux.SYS_close(), fd, 0, 0);
  }

  /** {@code ioctl(fd, request, argument)}. */
  public static long ioctl(int fd, long request, long argument) {
    return call(Linux.SYS_ioctl(), fd, request, argument);
  }

  /** {@code fcntl(fd, command, argument)}. */
  public static long fcntl(int fd, int command, long argument) {
    return call(Linux.SYS_fcntl(), fd, command, argument);
  }

  /** {@code lseek(fd, offset, whence)}. */
  public static long lseek(int fd, long offset, int whence) {
    return call(Linux.SYS_lseek(), fd, offset, whence);
  }

  /** {@code fdatasync(fd)}. */
  public static long fdatasync(int fd) {
    return call(Linux.SYS_fdatasync(), fd, 0, 0);
  }

  /** {@code fallocate(fd, mode, offset, length)}. */
  public static long fallocate(int fd, int mode, long offset, long length) {
    return call(Linux.SYS_fallocate(), fd, mode, offset, length, 0, 0);
  }

  /** {@code flock(fd, operation)}. */
  public static long flock(int fd, int operation) {
    return call(Linux.SYS_flock(), fd, operation, 0);
  }

  /** {@code ftruncate(fd, length)}. */
  public static long ftruncate(int fd, long length) {
    return call(Linux.SYS_ftruncate(), fd, length, 0);
  }

  /** {@code eventfd(0, flags)}. */
  public static long eventfd(int flags) {
    return call(Linux.SYS_eventfd2(), 0, flags, 0);
  }

  /** {@code epoll_create1(flags)}. */
  public static long epollCreate(int flags) {
    return call(Linux.SYS_epoll_create1(), flags, 0, 0);
  }

  /**
   * {@code epoll_ctl(epoll, operation, fd, {events, data})}.
   *
   * @param low the low half of the event's data
   * @param high the high half
   */
  public static long epollCtl(int epoll, int operation, int fd, int events, int low, int high) {
    MemorySegment event = PER_THREAD.get().scratch;
    event.set(ValueLayout.JAVA_INT, epoll_event.events$offset(), events);
    event.set(ValueLayout.JAVA_INT, epoll_event.data$offset(), low);
    event.set(ValueLayout.JAVA_INT, epoll_event.data$offset() + Integer.BYTES, high);
    return call(Linux.SYS_epoll_ctl(), epoll, operation, fd, event.address(), 0, 0);
  }

  /**
   * {@code epoll_wait(epoll, events, capacity, timeout)}; the timeout is in milliseconds, -1 for
   * none.
   */
  public static long epollWait(int epoll, long events, int capacity, int timeout) {
    return call(Linux.SYS_epoll_wait(), epoll, events, capacity, timeout, 0, 0);
  }

  /** {@code socket(domain, type, 0)}. */
  public static long socket(int domain, int type) {
    return call(Linux.SYS_socket(), domain, type, 0);
  }

  /** {@code bind(fd, address, length)}. */
  public static long bind(int fd, MemorySegment address) {
    try {
      return call(Linux.SYS_bind(), fd, address.address(), address.byteSize());
    } finally {
      Reference.reachabilityFence(address);
    }
  }

  /** {@code connect(fd, address, length)}. */
  public static long connect(int fd, MemorySegment address) {
    try {
      return call(Linux.SYS_connect(), fd, address.address(), address.byteSize());
    } finally {
      Reference.reachabilityFence(address);
    }
  }

  /** {@code listen(fd, backlog)}. */
  public static long listen(int fd, int backlog) {
    return call(Linux.SYS_listen(), fd, backlog, 0);
  }

  /** {@code accept4(fd, NULL, NULL, flags)}. */
  public static long accept(int fd, int flags) {
    return call(Linux.SYS_accept4(), fd, 0, 0, flags, 0, 0);
  }

  /** {@code socketpair(domain, type, 0, fds)}. */
  public static long socketpair(int domain, int type, long fds) {
    return call(Linux.SYS_socketpair(), domain, type, 0, fds, 0, 0);
  }

  /** {@code setsockopt(fd, level, option, &value, sizeof(int))}. */
  public static long setsockopt(int fd, int level, int option, int value) {
    MemorySegment argument = PER_THREAD.get().scratch;
    argument.set(ValueLayout.JAVA_INT, 0, value);
    return call(Linux.SYS_setsockopt(), fd, level, option, argument.address(), Integer.BYTES, 0);
  }

  /** {@code setsockopt(fd, level, option, value, length)}. */
  public static long setsockopt(int fd, int level, int option, MemorySegment value) {
    return call(Linux.SYS_setsockopt(), fd, level, option, value.address(), value.byteSize(), 0);
  }

  /** {@code getsockopt(fd, level, option, value, &length)}; the length is the segment's. */
  public static long getsockopt(int fd, int level, int option, MemorySegment value) {
    MemorySegment length = PER_THREAD.get().scratch;
    length.set(ValueLayout.JAVA_INT, 0, (int) value.byteSize());
    try {
      return call(Linux.SYS_getsockopt(), fd, level, option, value.address(), length.address(), 0);
    } finally {
      Reference.reachabilityFence(value);
    }
  }

  /** {@code fchmod(fd, mode)}. */
  public static long fchmod(int fd, int mode) {
    return call(SYS_FCHMOD, fd, mode, 0);
  }

  /** {@code geteuid()}. */
  public static int geteuid() {
    return (int) call(SYS_GETEUID, 0, 0, 0);
  }

  /** {@code getsockname(fd, address, &length)}; the length is the segment's. */
  public static long getsockname(int fd, MemorySegment address) {
    MemorySegment length = PER_THREAD.get().scratch;
    length.set(ValueLayout.JAVA_INT, 0, (int) address.byteSize());
    try {
      return call(Linux.SYS_getsockname(), fd, address.address(), length.address());
    } finally {
      Reference.reachabilityFence(address);
    }
  }

  /** {@code sendmsg(fd, message, flags)}. */
  public static long sendmsg(int fd, long message, int flags) {
    return call(Linux.SYS_sendmsg(), fd, message, flags);
  }

  /** {@code recvmsg(fd, message, flags)}. */
  public static long recvmsg(int fd, long message, int flags) {
    return call(Linux.SYS_recvmsg(), fd, message, flags);
  }

  /** {@code shutdown(fd, how)}. */
  public static long shutdown(int fd, int how) {
    return call(Linux.SYS_shutdown(), fd, how, 0);
  }

  /** {@code mmap(NULL, length, protection, flags, fd, offset)}. */
  public static long mmap(long length, int protection, int flags, int fd, long offset) {
    return call(Linux.SYS_mmap(), 0, length, protection, flags, fd, offset);
  }

  /** {@code mmap(address, length, protection, flags, fd, offset)}, for MAP_FIXED. */
  public static long mmap(
      long address, long length, int protection, int flags, int fd, long offset) {
    return call(Linux.SYS_mmap(), address, length, protection, flags, fd, offset);
  }

  /** {@code munmap(address, length)}. */
  public static long munmap(long address, long length) {
    return call(Linux.SYS_munmap(), address, length, 0);
  }

  /** {@code madvise(address, length, advice)}. */
  public static long madvise(long address, long length, int advice) {
    return call(Linux.SYS_madvise(), address, length, advice);
  }

  /** {@code memfd_create(name, flags)}. */
  public static long memfdCreate(String name, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      return call(Linux.SYS_memfd_create(), arena.allocateFrom(name).address(), flags, 0);
    }
  }

  /** {@code getpid()}. */
  public static int getpid() {
    return (int) call(Linux.SYS_getpid(), 0, 0, 0);
  }

  /** {@code exit_group(status)}: ends the process, so it does not return. */
  public static void exitGroup(int status) {
    call(SYS_EXIT_GROUP, status, 0, 0);
  }

  /** {@code setsid()}. */
  public static long setsid() {
    return call(SYS_SETSID, 0, 0, 0);
  }

  /** {@code dup3(fd, number, 0)}: the copy stays open at an exec. */
  public static long duplicateTo(int fd, int number) {
    return call(SYS_DUP3, fd, number, 0);
  }

  /** {@code gettid()}. */
  public static int gettid() {
    return (int) call(Linux.SYS_gettid(), 0, 0, 0);
  }

  /**
   * {@code sigaction(signal, action, old)} with the kernel's struct, which is not libc's; either
   * address may be 0.
   */
  static long sigaction(int signal, long action, long old) {
    return call(Linux.SYS_rt_sigaction(), signal, action, old, Long.BYTES, 0, 0);
  }

  /** {@code tgkill(pid, tid, signal)}. */
  public static long tgkill(int pid, int tid, int signal) {
    return call(Linux.SYS_tgkill(), pid, tid, signal);
  }

  /** {@code sigprocmask(how, set, old)} of the calling thread; the sets are 8 bytes. */
  public static long sigprocmask(int how, long set, long old) {
    return call(Linux.SYS_rt_sigprocmask(), how, set, old, Long.BYTES, 0, 0);
  }

  /**
   * {@code sigtimedwait(set, NULL, 0)}: takes a pending signal without waiting.
   *
   * @return the signal, or {@code -EAGAIN} if none is pending
   */
  public static long takeSignal(long set) {
    MemorySegment memory = PER_THREAD.get().scratch;
    // The set, then a timespec of zero.
    memory.set(ValueLayout.JAVA_LONG, 0, set);
    memory.set(ValueLayout.JAVA_LONG, Long.BYTES, 0);
    memory.set(ValueLayout.JAVA_LONG, 2 * Long.BYTES, 0);
    long address = memory.address();
    return call(Linux.SYS_rt_sigtimedwait(), address, 0, address + Long.BYTES, Long.BYTES, 0, 0);
  }
}
