package org.microvm.sandbox;

import static java.util.Map.entry;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The system calls of a process that runs a machine, and what happens at the others.
 *
 * <p>The list was measured with {@code strace -f -c} over boots, restores, migrations and all kinds
 * of channels, and completed by what libc and the JVM make in rare situations. {@code
 * docs/sandbox.md} has the same table, and a test compares the two.
 *
 * @param calls those with a decision of their own, by number
 * @param refusal the action for all others that Linux 6.18 knows
 */
record SystemCallPolicy(List<SystemCall> calls, int refusal) {
  /** Actions of linux/seccomp.h. */
  static final int ALLOW = 0x7fff_0000;

  static final int KILL_PROCESS = 0x8000_0000;
  private static final int ERRNO = 0x0005_0000;

  /** Errors of asm-generic/errno.h. */
  static final int EPERM = 1;

  static final int ENOSYS = 38;
  static final int EAFNOSUPPORT = 97;

  /**
   * The highest number that Linux 6.18 has on x86-64. Calls above it fail with ENOSYS in both
   * modes, because a newer libc tries them and falls back to an older call.
   */
  static final int NEWEST = 469;

  private static final int AF_UNIX = 1;
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int CLONE_THREAD = 0x0001_0000;

  /** One group a line: the names with their numbers, of asm/unistd_64.h. */
  private static final String TABLE =
      """
      data: read 0, write 1, lseek 8, pread64 17, pwrite64 18, readv 19, writev 20, sendfile 40, \
      preadv 295, pwritev 296, copy_file_range 326
      files: open 2, close 3, stat 4, fstat 5, lstat 6, access 21, dup 32, dup2 33, fcntl 72, \
      flock 73, fsync 74, fdatasync 75, ftruncate 77, getcwd 79, rename 82, mkdir 83, rmdir 84, \
      unlink 87, readlink 89, chmod 90, fchmod 91, umask 95, statfs 137, fstatfs 138, \
      getdents64 217, fadvise64 221, openat 257, mkdirat 258, newfstatat 262, unlinkat 263, \
      renameat 264, readlinkat 267, fchmodat 268, faccessat 269, utimensat 280, fallocate 285, \
      dup3 292, renameat2 316, statx 332, faccessat2 439
      memory: mmap 9, mprotect 10, munmap 11, brk 12, mremap 25, msync 26, mincore 27, madvise 28, \
      memfd_create 319, membarrier 324
      threads: sched_yield 24, exit 60, getpriority 140, setpriority 141, sched_getparam 143, \
      sched_getscheduler 145, arch_prctl 158, gettid 186, futex 202, sched_getaffinity 204, \
      set_tid_address 218, exit_group 231, set_robust_list 273, getcpu 309, rseq 334
      signals: rt_sigaction 13, rt_sigprocmask 14, rt_sigreturn 15, rt_sigpending 127, \
      rt_sigtimedwait 128, sigaltstack 131, restart_syscall 219
      time: nanosleep 35, gettimeofday 96, times 100, time 201, clock_gettime 228, clock_getres 229, \
      clock_nanosleep 230, timerfd_create 283, timerfd_settime 286, timerfd_gettime 287
      events: poll 7, epoll_wait 232, epoll_ctl 233, ppoll 271, epoll_pwait 281, eventfd2 290, \
      epoll_create1 291
      sockets: connect 42, accept 43, sendto 44, recvfrom 45, sendmsg 46, recvmsg 47, shutdown 48, \
      bind 49, listen 50, getsockname 51, getpeername 52, setsockopt 54, getsockopt 55, \
      accept4 288, recvmmsg 299, sendmmsg 307
      process: getpid 39, uname 63, getrlimit 97, getrusage 98, sysinfo 99, getuid 102, getgid 104, \
      geteuid 107, getegid 108, getppid 110, getpgrp 111, setsid 112, getrandom 318
      conditional: ioctl 16, socket 41, socketpair 53, clone 56, kill 62, prctl 157, tgkill 234, \
      prlimit64 302, clone3 435
      """;

  static final String CONDITIONAL = "conditional";

  /** The type byte of KVM's ioctls (KVMIO), in its place in the request. */
  private static final int KVM_REQUEST = 0xae00;

  private static final int REQUEST_TYPE = 0xff00;

  /**
   * TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGPGRP, TIOCGWINSZ, FIONREAD, FIONBIO, TIOCSPTLCK,
   * TIOCGPTN.
   */
  private static final int[] OTHER_REQUESTS = {
    0x5401, 0x5402, 0x5403, 0x5404, 0x540f, 0x5413, 0x541b, 0x5421, 0x4004_5431, 0x8004_5430
  };

  /** PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE and PR_SET_VMA, which names a mapping. */
  private static final int[] PROCESS_OPTIONS = {15, 16, 3, 0x5356_4d41};

  SystemCallPolicy {
    calls = List.copyOf(calls);
  }

  /**
   * Returns the policy of a process.
   *
   * @param mode what happens at a call that is not in the table
   * @param pid the process, which may send signals only to itself
   * @param tcp whether it may have sockets of the internet families
   */
  static SystemCallPolicy of(SandboxMode mode, int pid, boolean tcp) {
    Map<String, List<ArgumentTest>> tests = tests(pid, tcp);
    List<SystemCall> calls = new ArrayList<>();
    for (String line : TABLE.split("\n")) {
      int colon = line.indexOf(':');
      String group = line.substring(0, colon);
      for (String call : line.substring(colon + 2).split(", ")) {
        int space = call.indexOf(' ');
        String name = call.substring(0, space);
        int number = Integer.parseInt(call.substring(space + 1));
        calls.add(
            new SystemCall(
                number, name, group, tests.getOrDefault(name, List.of()), refusal(name)));
      }
    }
    calls.sort((a, b) -> Integer.compare(a.number(), b.number()));
    return new SystemCallPolicy(calls, mode == SandboxMode.STRICT ? KILL_PROCESS : errno(EPERM));
  }

  private static Map<String, List<ArgumentTest>> tests(int pid, boolean tcp) {
    List<ArgumentTest> ioctls = new ArrayList<>();
    ioctls.add(ArgumentTest.bits(1, REQUEST_TYPE, KVM_REQUEST));
    for (int request : OTHER_REQUESTS) {
      ioctls.add(ArgumentTest.is(1, request));
    }
    List<ArgumentTest> options = new ArrayList<>();
    for (int option : PROCESS_OPTIONS) {
      options.add(ArgumentTest.is(0, option));
    }
    List<ArgumentTest> families = new ArrayList<>();
    families.add(ArgumentTest.is(0, AF_UNIX));
    if (tcp) {
      families.add(ArgumentTest.is(0, AF_INET));
      families.add(ArgumentTest.is(0, AF_INET6));
    }
    return Map.ofEntries(
        entry("ioctl", ioctls),
        entry("socket", families),
        entry("socketpair", List.of(ArgumentTest.is(0, AF_UNIX))),
        // Threads, but no processes.
        entry("clone", List.of(ArgumentTest.bits(0, CLONE_THREAD, CLONE_THREAD))),
        // Its flags are in memory, where a filter cannot check them; libc then uses clone.
        entry("clone3", List.of(NEVER)),
        entry("kill", List.of(ArgumentTest.is(0, pid))),
        entry("tgkill", List.of(ArgumentTest.is(0, pid))),
        entry("prctl", options),
        // Limits can be read, but not set.
        entry("prlimit64", List.of(ArgumentTest.isNull(2))));
  }

  /** No argument fulfils it. */
  private static final ArgumentTest NEVER = new ArgumentTest(0, 0, 1);

  private static int refusal(String name) {
    return switch (name) {
      case "clone3" -> ENOSYS;
      case "socket", "socketpair" -> EAFNOSUPPORT;
      default -> EPERM;
    };
  }

  /** The action that fails a call with an error. */
  static int errno(int error) {
    return ERRNO | error;
  }
}
