package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;

/**
 * Programs by the hundred, one after the other.
 *
 * <p>Where KVM emulates the guest's kernel, one takes half a second to a second: the agent is a
 * process of 63 mappings, to copy those for a fork and drop them for an exec is a million kernel
 * instructions, and it is the same with a client that asks for nothing else. There the test runs
 * fewer, and {@code make agent-test EXECS=1000} as many as elsewhere.
 */
@MicroVm
@Tag("linux")
@Tag("guest-agent")
@Timeout(3600)
class AgentExecVolumeTest {
  private static final int MANY = 1000;
  private static final int MANY_EMULATED = 100;

  private GuestVm vm;

  private int programs() {
    String wanted = System.getProperty("microvm.agent.execs", "");
    if (!wanted.isEmpty()) {
      return Integer.parseInt(wanted);
    }
    return vm.console().contains("kernel code is emulated") ? MANY_EMULATED : MANY;
  }

  @Test
  void manyPrograms_eachHasItsOwnEndAndTheAgentKeepsNothing() throws IOException {
    int programs = programs();
    long before = openFiles();

    for (int i = 0; i < programs; i++) {
      // A script of the shell's own words forks once; the number is a different one each time.
      ExecResult result = vm.exec("sh", "-c", "echo " + i + "; exit " + i % 256);

      assertEquals(i % 256, result.exitCode());
      assertEquals(Integer.toString(i), result.output());
    }

    assertEquals(before, openFiles());
  }

  /** How many files the agent has open; each program's pipes must be gone. */
  private long openFiles() throws IOException {
    String pid = vm.exec("pidof", "-s", "qemu-ga").output();
    return vm.exec("ls", "/proc/" + pid + "/fd").output().lines().count();
  }
}
