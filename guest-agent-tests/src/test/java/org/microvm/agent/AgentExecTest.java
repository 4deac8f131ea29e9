package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;

/** Programs that the agent runs in a Linux guest. */
@MicroVm
@Tag("linux")
@Tag("guest-agent")
@Timeout(300)
class AgentExecTest {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  private GuestVm vm;

  @Test
  void wordsArriveAsTheyAre() throws IOException {
    ExecResult echo = vm.exec("echo", "-n", "\" test_str \"");

    assertEquals(0, echo.exitCode());
    assertEquals("\" test_str \"", new String(echo.stdout()));
  }

  @Test
  void outputAndErrors_areApart() throws IOException {
    ExecResult both =
        vm.exec("sh", "-c", "echo stdout; echo stderr >&2; echo stdout; echo stderr >&2");

    assertEquals("stdout\nstdout\n", new String(both.stdout()));
    assertEquals("stderr\nstderr\n", new String(both.stderr()));
    assertFalse(both.truncated());
  }

  @Test
  void withoutCapture_outputIsDropped() throws IOException {
    ExecResult silent =
        vm.exec(GuestCommand.of("sh", "-c", "echo lost; exit 3").withoutOutput(), LIMIT);

    assertEquals(3, silent.exitCode());
    assertEquals(0, silent.stdout().length);
  }

  @Test
  void input_isRead() throws IOException {
    byte[] input = new byte[200_000];
    new Random(6).nextBytes(input);

    assertArrayEquals(input, vm.exec(GuestCommand.of("cat").withInput(input), LIMIT).stdout());
  }

  @Test
  void environment_replacesTheAgents() throws IOException {
    GuestCommand env = GuestCommand.of("/usr/bin/env").withEnvironment("ONLY=this");

    assertEquals("ONLY=this", vm.exec(env, LIMIT).output());
  }

  @Test
  void exitCode_andSignal() throws IOException {
    ExecResult code = vm.exec("sh", "-c", "exit 42");
    ExecResult signal = vm.exec("sh", "-c", "kill -9 $$");

    assertEquals(42, code.status());
    assertEquals(9, signal.signal());
    assertEquals(137, signal.status());
  }

  @Test
  void programThatIsNotThere_isAnError() {
    AgentCommandException missing =
        assertThrows(AgentCommandException.class, () -> vm.exec("/bin/invalid-cmd42"));

    assertEquals("GenericError", missing.errorClass());
    assertTrue(missing.description().contains("No such file"), missing.getMessage());
  }

  @Test
  void pidThatIsNoChild_isAnError() {
    AgentCommandException unknown =
        assertThrows(
            AgentCommandException.class,
            () ->
                vm.agent()
                    .client()
                    .call("guest-exec-status", AgentClient.arguments().put("pid", 0), LIMIT));

    assertEquals("GenericError", unknown.errorClass());
  }

  @Test
  void programThatRunsOn_isTimeoutAndStillThere() throws IOException {
    GuestProcess sleeper =
        vm.agent().processes().start(GuestCommand.of("sleep", "1000").withoutOutput());

    assertThrows(AgentTimeoutException.class, () -> sleeper.await(Duration.ofMillis(100)));
    assertEquals(0, vm.exec("kill", Long.toString(sleeper.pid())).status());
    assertEquals(15, sleeper.await(LIMIT).signal());
  }

  @Test
  void programsAtTheSameTime_keepTheirOutputsApart() throws IOException {
    GuestProcess first = vm.agent().processes().start(GuestCommand.of("echo", "first"));
    GuestProcess second = vm.agent().processes().start(GuestCommand.of("echo", "second"));

    assertEquals("second", second.await(LIMIT).output());
    assertEquals("first", first.await(LIMIT).output());
  }
}
