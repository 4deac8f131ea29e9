package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.RequiresKvm;

/**
 * {@code microvm run} and {@code microvm agent} as processes: a guest from its start to its end, as
 * a shell script would use it.
 */
@RequiresKvm
@Tag("linux")
@Tag("guest-agent")
@Timeout(1800)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class AgentProcessTest {
  private static final String BOOT = Long.toString(Guest.boot().toSeconds());

  @TempDir private static Path directory;
  private static Path socket;
  private static Process machine;

  @BeforeAll
  static void run() throws Exception {
    socket = directory.resolve("agent.sock");
    machine =
        Cli.start(
            List.of(
                "run",
                "--on-reset",
                "restart",
                "--chardev",
                "socket,id=a,path=" + socket + ",server=on,wait=off",
                "--device",
                "virtserialport,chardev=a,name=org.qemu.guest_agent.0"),
            directory.resolve("console"));
    // Called at once: neither the socket nor the guest exists yet.
    assertEquals(0, agent("--timeout", BOOT, "wait").status());
  }

  @AfterAll
  static void end() throws InterruptedException {
    machine.destroy();
    if (!machine.waitFor(30, TimeUnit.SECONDS)) {
      machine.destroyForcibly();
    }
  }

  /** Waits for the next boot, because requests to a guest that is shutting down are lost. */
  private static void awaitSecondLife() throws Exception {
    Path console = directory.resolve("console");
    while (Files.readString(console, StandardCharsets.ISO_8859_1).split("GUEST READY").length < 3) {
      assertTrue(machine.isAlive(), "the machine ended before the guest was ready");
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  private static Cli.Outcome agent(String... args) throws Exception {
    return agent(new byte[0], args);
  }

  private static Cli.Outcome agent(byte[] input, String... args) throws Exception {
    return Cli.agent(socket, input, args);
  }

  @Test
  @Order(1)
  void ping_isSilentSuccess() throws Exception {
    assertEquals(new Cli.Outcome(0, "", ""), agent("ping"));
  }

  @Test
  @Order(1)
  void info_saysWhoIsThere() throws Exception {
    Cli.Outcome info = agent("info");

    assertEquals(0, info.status());
    assertTrue(info.output().matches("(?s)agent: qemu-ga (7[.]2|10[.]0)[.].*"), info.output());
    String system =
        Guest.isDebian() ? "system: Debian GNU/Linux 1" : "system: microvm test guest 1\n";
    assertTrue(info.output().contains(system), info.output());
    // Release 10 does not list what this system cannot have.
    assertEquals(
        info.output().startsWith("agent: qemu-ga 7"),
        info.output().contains("  guest-get-devices (disabled)\n"),
        info.output());
  }

  @Test
  @Order(1)
  void exec_streamsAndStatusArePassedOn() throws Exception {
    Cli.Outcome both =
        agent(
            "to the guest".getBytes(),
            "exec",
            "--",
            "sh",
            "-c",
            "cat; echo; echo errors >&2; exit 7");

    assertEquals(new Cli.Outcome(7, "to the guest\n", "errors\n"), both);
  }

  @Test
  @Order(1)
  void exec_signalAndMissingProgram_haveTheirStatus() throws Exception {
    assertEquals(128 + 15, agent("exec", "-n", "--", "sh", "-c", "kill $$").status());
    Cli.Outcome missing = agent("exec", "--", "no-such-program");
    assertEquals(255, missing.status());
    assertTrue(missing.errors().startsWith("microvm: guest-exec: "), missing.errors());
    assertEquals(1, missing.errors().lines().count(), missing.errors());
  }

  @Test
  @Order(1)
  void cp_thereAndBack_isIdentical() throws Exception {
    byte[] content = new byte[100_000];
    new Random(7).nextBytes(content);
    Path source = Files.write(directory.resolve("source"), content);
    Path back = directory.resolve("back");

    assertEquals(new Cli.Outcome(0, "", ""), agent("cp", source.toString(), ":/run/"));
    assertEquals(new Cli.Outcome(0, "", ""), agent("cp", ":/run/source", back.toString()));

    assertArrayEquals(content, Files.readAllBytes(back));
    assertEquals(0, agent("through a pipe".getBytes(), "cp", "-", ":/run/piped").status());
    assertEquals(new Cli.Outcome(0, "through a pipe", ""), agent("cp", ":/run/piped", "-"));
  }

  @Test
  @Order(1)
  void cp_fileThatIsNotThere_isOneLine() throws Exception {
    Cli.Outcome missing = agent("cp", ":/no/such/file", directory.resolve("x").toString());

    assertEquals(1, missing.status());
    assertEquals(1, missing.errors().lines().count(), missing.errors());
    assertTrue(missing.errors().contains("No such file or directory"), missing.errors());
    assertTrue(Files.notExists(directory.resolve("x")));
  }

  @Test
  @Order(1)
  void users_nobodyIsLoggedIn() throws Exception {
    assertEquals(new Cli.Outcome(0, "", ""), agent("users"));
  }

  @Test
  @Order(1)
  void call_printsJson_andErrorsAsOneLine() throws Exception {
    assertEquals(
        new Cli.Outcome(0, "{\"host-name\":\"%s\"}\n".formatted(Guest.hostName()), ""),
        agent("call", "guest-get-host-name"));
    assertEquals(new Cli.Outcome(0, "4711\n", ""), agent("call", "guest-sync", "{\"id\": 4711}"));
    Cli.Outcome unknown = agent("call", "guest-fly");
    assertEquals(1, unknown.status());
    assertEquals(
        "microvm: guest-fly: The command guest-fly has not been found (CommandNotFound)\n",
        unknown.errors());
  }

  @Test
  @Order(2)
  void shutdownReboot_withOnResetRestart_agentIsBack() throws Exception {
    assertEquals(0, agent("exec", "-n", "--", "touch", "/run/of-the-first-life").status());

    assertEquals(0, agent("shutdown", "--mode", "reboot").status());
    awaitSecondLife();
    assertEquals(0, agent("--timeout", BOOT, "wait").status());

    assertEquals(1, agent("exec", "-n", "--", "test", "-e", "/run/of-the-first-life").status());
  }

  @Test
  @Order(3)
  void shutdown_endsTheMachineWithStatus0() throws Exception {
    assertEquals(0, agent("shutdown").status());

    // systemd ends services one by one, which takes as long as a boot.
    assertTrue(
        machine.waitFor(Guest.boot().toSeconds(), TimeUnit.SECONDS), "the machine still runs");
    assertEquals(0, machine.exitValue());
    assertTrue(Files.notExists(socket));
    Cli.Outcome gone = agent("ping");
    assertEquals(1, gone.status());
    assertTrue(gone.errors().contains("there is no such socket"), gone.errors());
  }
}
