package org.microvm.syscall;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.microvm.bindings.Linux;

/**
 * Makes system calls of this process fail. A call is identified in another run by its place: the
 * kind of call and the program's lines that lead to it.
 */
public final class FaultInjection implements AutoCloseable {
  private static final int DEPTH = 7;
  private static final long KVM_RUN = 0xae80;
  private static final int EPOLL_CTL_DEL = 2;

  /**
   * EAGAIN. For the read of an eventfd it means that the counter is 0 and is no failure: an
   * injected one would hide signals that have arrived, which the kernel never does.
   */
  private static final int AGAIN = 11;

  private static final StackWalker WALKER = StackWalker.getInstance();

  /**
   * The kind of a call and where it is made.
   *
   * @param kind the call, for an ioctl with its request
   * @param lines the program's lines, the innermost first
   */
  public record Place(String kind, String lines) {
    @Override
    public String toString() {
      return kind + " at " + lines;
    }
  }

  private record Kind(String name, int... errnos) {}

  /** The errors of intro(2) and the calls' manual pages that can happen to this program. */
  private static final Map<Integer, Kind> KINDS = kinds();

  private FaultInjection() {}

  private static Map<Integer, Kind> kinds() {
    int interrupted = 4;
    int io = 5;
    int again = AGAIN;
    int memory = 12;
    int files = 24;
    int space = 28;
    int pipe = 32;
    int aborted = 103;
    int reset = 104;
    int buffers = 105;
    Map<Integer, Kind> kinds = new LinkedHashMap<>();
    kinds.put(Linux.SYS_openat(), new Kind("open", files, io, interrupted, memory, space));
    kinds.put(Linux.SYS_read(), new Kind("read", interrupted, again));
    kinds.put(Linux.SYS_readv(), new Kind("readv", io, interrupted, again, memory, reset));
    kinds.put(Linux.SYS_write(), new Kind("write", interrupted));
    // Not EPIPE: the peer continues to read, and would wait for bytes that are never sent.
    kinds.put(Linux.SYS_writev(), new Kind("writev", io, interrupted, again, space, buffers));
    kinds.put(Linux.SYS_pread64(), new Kind("pread", io, interrupted, memory));
    kinds.put(Linux.SYS_pwrite64(), new Kind("pwrite", space, interrupted, io));
    kinds.put(Linux.SYS_preadv(), new Kind("preadv", io, interrupted, memory));
    kinds.put(Linux.SYS_pwritev(), new Kind("pwritev", space, interrupted, io));
    kinds.put(Linux.SYS_mmap(), new Kind("mmap", memory, again));
    kinds.put(Linux.SYS_ioctl(), new Kind("ioctl", memory, interrupted, files));
    kinds.put(Linux.SYS_accept4(), new Kind("accept", files, interrupted, again, memory, aborted));
    kinds.put(Linux.SYS_epoll_ctl(), new Kind("epoll_ctl", memory, space));
    kinds.put(Linux.SYS_epoll_wait(), new Kind("epoll_wait", interrupted));
    kinds.put(Linux.SYS_epoll_create1(), new Kind("epoll_create", files, memory));
    kinds.put(Linux.SYS_eventfd2(), new Kind("eventfd", files, memory));
    kinds.put(Linux.SYS_memfd_create(), new Kind("memfd_create", files, memory));
    kinds.put(Linux.SYS_socket(), new Kind("socket", files, buffers));
    kinds.put(Linux.SYS_socketpair(), new Kind("socketpair", files, memory));
    kinds.put(Linux.SYS_bind(), new Kind("bind", memory, space));
    kinds.put(Linux.SYS_listen(), new Kind("listen", memory));
    kinds.put(Linux.SYS_connect(), new Kind("connect", again, memory, interrupted));
    kinds.put(Linux.SYS_ftruncate(), new Kind("ftruncate", space, interrupted, io));
    kinds.put(Linux.SYS_fdatasync(), new Kind("fdatasync", io, interrupted, space));
    kinds.put(Linux.SYS_fallocate(), new Kind("fallocate", space, interrupted, io));
    kinds.put(Linux.SYS_lseek(), new Kind("lseek", io));
    kinds.put(Linux.SYS_flock(), new Kind("flock", memory, interrupted));
    kinds.put(Linux.SYS_fcntl(), new Kind("fcntl", memory, files));
    kinds.put(Linux.SYS_madvise(), new Kind("madvise", again, memory));
    kinds.put(Linux.SYS_sendmsg(), new Kind("sendmsg", pipe, interrupted, again, buffers));
    kinds.put(Linux.SYS_recvmsg(), new Kind("recvmsg", reset, interrupted, again, memory));
    kinds.put(Linux.SYS_setsockopt(), new Kind("setsockopt", memory));
    kinds.put(Linux.SYS_getsockopt(), new Kind("getsockopt", buffers));
    return kinds;
  }

  /** Returns the errors that the calls of a place can have. */
  public static int[] errnos(Place place) {
    String name = place.kind().split(" ")[0];
    int[] errnos =
        KINDS.values().stream()
            .filter(kind -> kind.name().equals(name))
            .findFirst()
            .orElseThrow()
            .errnos();
    boolean counter = place.lines().startsWith("EventFd.drain:");
    return counter ? Arrays.stream(errnos).filter(errno -> errno != AGAIN).toArray() : errnos;
  }

  /** The calls of a run. */
  public static final class Recording {
    private final Map<Place, AtomicInteger> counts = new ConcurrentHashMap<>();

    /** Returns each place and how many calls were made there, sorted. */
    public Map<Place, Integer> places() {
      return counts.entrySet().stream()
          .sorted(Map.Entry.comparingByKey((a, b) -> a.toString().compareTo(b.toString())))
          .collect(
              Collectors.toMap(
                  Map.Entry::getKey, e -> e.getValue().get(), (a, b) -> a, LinkedHashMap::new));
    }
  }

  /** Records all calls from now on that can fail, until this is closed. */
  public static Recording record() {
    Recording recording = new Recording();
    Syscalls.interpose(
        (number, first, second) -> {
          String kind = kind(number, second);
          if (kind != null) {
            Place place = new Place(kind, lines());
            recording.counts.computeIfAbsent(place, _ -> new AtomicInteger()).incrementAndGet();
          }
          return 0;
        });
    return recording;
  }

  /** A failure of one call. */
  public static final class Fault {
    private final AtomicInteger left;
    private volatile Thread thread;

    private Fault(int occurrence) {
      left = new AtomicInteger(occurrence);
    }

    /** Whether the call was made and has failed. */
    public boolean hasHappened() {
      return thread != null;
    }
  }

  /**
   * Makes a call at a place fail once.
   *
   * @param occurrence 1 for the first call there
   */
  public static Fault inject(Place place, int occurrence, int errno) {
    Fault fault = new Fault(occurrence);
    Syscalls.interpose(
        (number, first, second) -> {
          if (fault.left.get() > 0
              && place.kind().equals(kind(number, second))
              && place.lines().equals(lines())
              && fault.left.decrementAndGet() == 0) {
            fault.thread = Thread.currentThread();
            return -errno;
          }
          return 0;
        });
    return fault;
  }

  /** Decides whether a call fails. */
  @FunctionalInterface
  public interface Rule {
    /**
     * Returns 0, or {@code -errno} for the call to fail.
     *
     * @param kind the call, for an ioctl with its request
     */
    long apply(String kind, long fd);
  }

  /** Makes calls fail by a rule. */
  public static FaultInjection by(Rule rule) {
    Syscalls.interpose(
        (number, first, second) -> {
          String kind = kind(number, second);
          return kind == null ? 0 : rule.apply(kind, first);
        });
    return new FaultInjection();
  }

  /** Ends the injection: all calls are made from now on. */
  public static void end() {
    Syscalls.interpose(null);
  }

  @Override
  public void close() {
    end();
  }

  /** Returns null for a call that does not fail, or whose failure would have no meaning. */
  private static String kind(long number, long second) {
    Kind kind = KINDS.get((int) number);
    if (kind == null || number == Linux.SYS_epoll_ctl() && second == EPOLL_CTL_DEL) {
      return null;
    }
    if (number != Linux.SYS_ioctl()) {
      return kind.name();
    }
    return second == KVM_RUN ? "ioctl KVM_RUN" : "ioctl %x".formatted(second);
  }

  private static String lines() {
    return WALKER.walk(
        frames -> {
          List<String> lines = new ArrayList<>();
          frames
              .filter(frame -> frame.getClassName().startsWith("org.microvm."))
              .filter(frame -> !frame.getClassName().startsWith("org.microvm.syscall."))
              .limit(DEPTH)
              .forEach(
                  frame ->
                      lines.add(
                          frame.getClassName().replaceAll(".*\\.", "")
                              + "."
                              + frame.getMethodName().replaceAll("\\$\\d+$", "")
                              + ":"
                              + frame.getLineNumber()));
          return String.join(" < ", lines);
        });
  }
}
