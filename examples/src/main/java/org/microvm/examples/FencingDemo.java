package org.microvm.examples;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestCommand;

/**
 * Demonstrates the {@link Fencing} service with two machines: machine a has machine b powered off.
 */
public final class FencingDemo {
  private static final String CHANNEL = "org.example.fence";
  private static final String AGENT = "org.qemu.guest_agent.0";
  private static final Duration BOOT = Duration.ofMinutes(3);
  private static final Duration ANSWER = Duration.ofMinutes(1);

  private FencingDemo() {}

  /** Runs the demonstration. */
  public static void main(String[] args) throws Exception {
    run(System.out);
  }

  static void run(PrintStream out) throws Exception {
    Path directory = Files.createTempDirectory("fencing");
    try (MicrovmProcess a = MicrovmProcess.start(directory, "a", CHANNEL, AGENT);
        MicrovmProcess b = MicrovmProcess.start(directory, "b", CHANNEL);
        Fencing fencing =
            new Fencing(
                List.of(
                    new Fencing.Node("a", a.channel(CHANNEL), a.control(), Set.of("b")),
                    new Fencing.Node("b", b.channel(CHANNEL), b.control(), Set.of())));
        GuestAgent agent = GuestAgent.connect(a.channel(AGENT))) {
      fencing.serve();
      agent.await(BOOT);
      agent.files().copyIn(MicrovmProcess.home().resolve("examples/guest/fence"), "/run/fence");
      for (String name : List.of("a", "b")) {
        GuestCommand fence = GuestCommand.of("/bin/sh", "/run/fence", name);
        out.println("in a: fence " + name + ": " + agent.processes().run(fence, ANSWER).output());
      }
      b.process().waitFor(1, TimeUnit.MINUTES);
      out.println("b's process has ended: " + !b.process().isAlive());
      out.println("a's process has ended: " + !a.process().isAlive());
    } finally {
      Files.deleteIfExists(directory);
    }
  }
}
