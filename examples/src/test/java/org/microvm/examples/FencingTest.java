package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.agent.ExecResult;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestCommand;
import org.microvm.testing.RequiresKvm;

/** Two Linux guests in separate processes, one of which has the other powered off. */
@RequiresKvm
@Tag("linux")
@Timeout(300)
class FencingTest {
  private static final Duration BOOT = Duration.ofMinutes(3);

  @TempDir private Path directory;
  private MicrovmProcess a;
  private MicrovmProcess b;
  private Fencing fencing;

  @BeforeEach
  void boot() throws Exception {
    a = MicrovmProcess.start(directory, "a", "org.example.fence", "org.qemu.guest_agent.0");
    b = MicrovmProcess.start(directory, "b", "org.example.fence");
    fencing =
        new Fencing(
            List.of(
                new Fencing.Node("a", a.channel("org.example.fence"), a.control(), Set.of("b")),
                new Fencing.Node("b", b.channel("org.example.fence"), b.control(), Set.of())));
    fencing.serve();
  }

  @AfterEach
  void end() throws Exception {
    fencing.close();
    a.close();
    b.close();
  }

  private static ExecResult fence(GuestAgent agent, String name) throws IOException {
    return agent
        .processes()
        .run(GuestCommand.of("/bin/sh", "/run/fence", name), Duration.ofMinutes(1));
  }

  @Test
  void request_ofAGuestThatMay_endsTheOtherMachine() throws Exception {
    try (GuestAgent agent = GuestAgent.connect(a.channel("org.qemu.guest_agent.0"))) {
      agent.await(BOOT);
      agent.files().copyIn(MicrovmProcess.home().resolve("examples/guest/fence"), "/run/fence");

      ExecResult itself = fence(agent, "a");
      ExecResult nobody = fence(agent, "c");
      boolean aliveBefore = b.process().isAlive();
      ExecResult other = fence(agent, "b");

      assertEquals("REFUSED a may not fence that", itself.output());
      assertEquals("REFUSED a may not fence that", nobody.output());
      assertEquals(List.of(1, 1), List.of(itself.status(), nobody.status()));
      assertTrue(aliveBefore);
      assertEquals("OK b is off", other.output());
      assertTrue(other.succeeded());
      assertTrue(b.process().waitFor(30, TimeUnit.SECONDS));
      assertEquals(0, b.process().exitValue());
      // A repeated request gets the same answer.
      assertEquals("OK b is off", fence(agent, "b").output());
      assertTrue(Files.notExists(b.control()));
      assertTrue(a.process().isAlive());
    }
  }

  @Test
  void request_forAMachineThatWasKilled_isAnsweredThatItIsOff() throws Exception {
    try (GuestAgent agent = GuestAgent.connect(a.channel("org.qemu.guest_agent.0"))) {
      agent.await(BOOT);
      agent.files().copyIn(MicrovmProcess.home().resolve("examples/guest/fence"), "/run/fence");
      b.process().destroyForcibly().waitFor();

      assertEquals("OK b is off", fence(agent, "b").output());
    }
  }
}
