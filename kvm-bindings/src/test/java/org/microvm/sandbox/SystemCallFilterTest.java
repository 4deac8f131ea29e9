package org.microvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The program decides as the policy says, for each number and for the arguments that count. */
class SystemCallFilterTest {
  private static final int PID = 4321;
  private static final int ALLOW = SystemCallPolicy.ALLOW;

  private static int run(SandboxMode mode, int number, long... arguments) {
    SystemCallPolicy policy = SystemCallPolicy.of(mode, PID, true);
    return BpfInterpreter.run(
        SystemCallFilter.compile(policy), SystemCallFilter.X86_64, number, arguments);
  }

  private static int errno(int errno) {
    return SystemCallPolicy.errno(errno);
  }

  @ParameterizedTest
  @EnumSource
  void everyNumber_hasThePolicysDecision(SandboxMode mode) {
    SystemCallPolicy policy = SystemCallPolicy.of(mode, PID, true);
    BpfProgram program = SystemCallFilter.compile(policy);
    Map<Integer, SystemCall> calls =
        policy.calls().stream().collect(Collectors.toMap(SystemCall::number, Function.identity()));

    for (int number = -2; number < 1100; number++) {
      int expected = policy.refusal();
      if (number > SystemCallPolicy.NEWEST) {
        expected = errno(SystemCallPolicy.ENOSYS);
      } else if (calls.containsKey(number) && calls.get(number).tests().isEmpty()) {
        expected = ALLOW;
      } else if (calls.containsKey(number)) {
        expected = errno(calls.get(number).refusal());
      }
      // No argument is one that a condition accepts.
      int actual =
          BpfInterpreter.run(program, SystemCallFilter.X86_64, number, 99, 99, 99, 99, 99, 99);
      assertEquals(expected, actual, "system call " + number);
    }
  }

  @ParameterizedTest
  @EnumSource
  void otherArchitectures_areRefused(SandboxMode mode) {
    SystemCallPolicy policy = SystemCallPolicy.of(mode, PID, true);
    BpfProgram program = SystemCallFilter.compile(policy);

    int i386 = 0x4000_0003;
    assertEquals(policy.refusal(), BpfInterpreter.run(program, i386, 3));
    int x32Read = SystemCallFilter.X32;
    assertEquals(policy.refusal(), BpfInterpreter.run(program, SystemCallFilter.X86_64, x32Read));
  }

  @ParameterizedTest
  @CsvSource({
    "execve, 59",
    "execveat, 322",
    "fork, 57",
    "vfork, 58",
    "ptrace, 101",
    "process_vm_readv, 310",
    "process_vm_writev, 311",
    "bpf, 321",
    "mount, 165",
    "unshare, 272",
    "setns, 308",
    "kexec_load, 246",
    "init_module, 175",
    "finit_module, 313",
    "perf_event_open, 298",
    "userfaultfd, 323",
    "open_by_handle_at, 304",
    "keyctl, 250",
    "io_uring_setup, 425",
    "setuid, 105",
    "chroot, 161",
    "mknod, 133",
    "symlink, 88",
    "link, 86",
    "pidfd_getfd, 438",
    "process_madvise, 440",
    "seccomp, 317"
  })
  void forbiddenCalls_areRefusedOrFatal(String name, int number) {
    assertEquals(errno(1), run(SandboxMode.ON, number), name);
    assertEquals(SystemCallPolicy.KILL_PROCESS, run(SandboxMode.STRICT, number), name);
  }

  @ParameterizedTest
  @CsvSource({
    // ioctl: KVM_RUN, KVM_CREATE_VM, TCGETS, TIOCGPTN; then TIOCSTI, VHOST_SET_OWNER, TUNSETIFF.
    "16, 1, 0xae80, true",
    "16, 1, 0xae01, true",
    "16, 1, 0x5401, true",
    "16, 1, 0x80045430, true",
    "16, 1, 0x5412, false",
    "16, 1, 0xaf01, false",
    "16, 1, 0x400454ca, false",
    // The kernel ignores the upper half of a request.
    "16, 1, 0x10000ae80, true",
    // socket: unix, IPv4, IPv6; then netlink, packet, vsock.
    "41, 0, 1, true",
    "41, 0, 2, true",
    "41, 0, 10, true",
    "41, 0, 16, false",
    "41, 0, 17, false",
    "41, 0, 40, false",
    "53, 0, 2, false",
    // clone: as pthread_create has it; then fork.
    "56, 0, 0x3d0f00, true",
    "56, 0, 0x1200011, false",
    "435, 0, 0, false",
    // kill, tgkill.
    "62, 0, 4321, true",
    "62, 0, 1, false",
    "62, 0, -1, false",
    "234, 0, 4321, true",
    "234, 0, 4322, false",
    // prctl: PR_SET_NAME; then PR_SET_DUMPABLE, PR_SET_PTRACER.
    "157, 0, 15, true",
    "157, 0, 4, false",
    "157, 0, 0x59616d61, false",
    // prlimit64: reads a limit; then sets one, at an address with either half zero.
    "302, 2, 0, true",
    "302, 2, 0x7fff0000, false",
    "302, 2, 0x700000000, false"
  })
  void arguments_decide(int number, int argument, String value, boolean allowed) {
    long[] arguments = new long[6];
    arguments[argument] = Long.decode(value);

    assertEquals(allowed, run(SandboxMode.ON, number, arguments) == ALLOW);
    assertEquals(allowed, run(SandboxMode.STRICT, number, arguments) == ALLOW);
  }

  @Test
  void clone3_doesNotExist_soThatLibcUsesClone() {
    assertEquals(errno(SystemCallPolicy.ENOSYS), run(SandboxMode.STRICT, 435));
  }

  @Test
  void withoutTcp_internetFamiliesDoNotExist() {
    SystemCallPolicy policy = SystemCallPolicy.of(SandboxMode.STRICT, PID, false);
    BpfProgram program = SystemCallFilter.compile(policy);

    for (int family : new int[] {2, 10}) {
      assertEquals(
          errno(SystemCallPolicy.EAFNOSUPPORT),
          BpfInterpreter.run(program, SystemCallFilter.X86_64, 41, family));
    }
    assertEquals(ALLOW, BpfInterpreter.run(program, SystemCallFilter.X86_64, 41, 1));
  }

  @Test
  void program_isShortAndEndsEveryPath() {
    List<BpfProgram.Instruction> code =
        SystemCallFilter.compile(SystemCallPolicy.of(SandboxMode.ON, PID, true)).instructions();

    assertTrue(code.size() < 512, code.size() + " instructions");
    assertEquals(BpfProgram.RETURN, code.getLast().code());
  }
}
