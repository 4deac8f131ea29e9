package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;

/**
 * Many programs, one after the other.
 *
 * <p>Where KVM emulates the guest's kernel, one program takes one to two seconds: the agent is a
 * process with 63 mappings, and copying them for a fork and dropping them for an exec takes about a
 * million kernel instructions, whatever the client does. On such hosts the test runs fewer
 * programs; {@code make agent-test EXECS=1000} runs as many as elsewhere.
 */
@MicroVm
@Tag("linux")
@Tag("guest-agent")
@Timeout(3600)
class AgentExecVolumeTest {
  private static final int MANY = 1000;
  private static final int MANY_EMULATED = 30;

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
      // A script of shell built-ins forks only once; the number differs each time.
      ExecResult result = vm.exec("sh", "-c", "echo " + i + "; exit " + i % 256);

      assertEquals(i % 256, result.exitCode());
      assertEquals(Integer.toString(i), result.output());
    }

    assertEquals(before, openFiles());
  }

  /**
   * Returns the number of files that the agent has open; the pipes of ended programs must be
   * closed.
   */
  private long openFiles() throws IOException {
    String pid = vm.exec("pidof", "-s", "qemu-ga").output();
    return vm.exec("ls", "/proc/" + pid + "/fd").output().lines().count();
  }
}
