package org.microvm.examples;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.microvm.agent.Filesystem;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestUser;
import org.microvm.agent.NetworkInterface;
import org.microvm.agent.OsInfo;
import org.microvm.agent.ShutdownMode;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortListener;
import org.microvm.virtioserial.backend.UnixServerBackend;

/**
 * Queries a guest's system and logged-in users, reports its events, and shuts it down, all over one
 * channel to the QEMU guest agent.
 */
public final class GuestQuestions {
  private static final Duration BOOT = Duration.ofMinutes(3);

  private final PrintStream out;

  private GuestQuestions(PrintStream out) {
    this.out = out;
  }

  /** Boots a guest and queries it. */
  public static void main(String[] args) throws Exception {
    run(System.out);
  }

  static void run(PrintStream out) throws Exception {
    Path directory = Files.createTempDirectory("guest-questions");
    Path socket = directory.resolve("agent.sock");
    ChannelConfig channel =
        new ChannelConfig(
            PortConfig.named("org.qemu.guest_agent.0"),
            loop -> UnixServerBackend.listen(socket, false));
    GuestQuestions questions = new GuestQuestions(out);
    try (Machine machine = Machine.create(Linux.guest("").channel(channel).build())) {
      machine.channels().addListener(questions.new Events());
      machine.start();
      try (GuestAgent agent = GuestAgent.connect(socket)) {
        agent.await(BOOT);
        questions.ask(agent, machine);
        agent.shutdown(ShutdownMode.POWERDOWN);
      }
      MachineEnd end = machine.end().get(1, TimeUnit.MINUTES);
      out.println("event: the guest has ended: " + end);
    } finally {
      Files.deleteIfExists(directory);
    }
  }

  private void ask(GuestAgent agent, Machine machine) throws Exception {
    OsInfo os = agent.osInfo();
    out.printf(
        "system: %s, kernel %s, %s%n",
        os.prettyName().orElse("?"), os.kernelRelease().orElse("?"), os.machine().orElse("?"));
    out.println("host name: " + agent.hostName());
    out.println("time: " + agent.time());
    for (NetworkInterface network : agent.networkInterfaces()) {
      out.println("network: " + network.name() + " " + network.addresses());
    }
    for (Filesystem filesystem : agent.filesystems().list()) {
      out.println("file system: " + filesystem.mountPoint() + " " + filesystem.type());
    }
    out.println("logged in: " + names(agent));
    logIn("agent", machine);
    while (agent.users().loggedIn().isEmpty()) {
      TimeUnit.MILLISECONDS.sleep(50);
    }
    out.println("logged in after a login: " + names(agent));
  }

  private static String names(GuestAgent agent) throws Exception {
    String names =
        String.join(", ", agent.users().loggedIn().stream().map(GuestUser::name).toList());
    return names.isEmpty() ? "nobody" : names;
  }

  /** Logs a user in by typing at the guest's console. */
  private static void logIn(String user, Machine machine) throws InterruptedException {
    for (byte key : ("exec login -f " + user + "\n").getBytes(StandardCharsets.US_ASCII)) {
      machine.type(key);
    }
  }

  /** Prints the channel's events: who opens and closes it, on either side. */
  private final class Events implements PortListener {
    @Override
    public void guestOpened(PortInfo port) {
      out.println("event: the agent has opened " + port);
    }

    @Override
    public void guestClosed(PortInfo port) {
      out.println("event: the agent has closed the channel");
    }

    @Override
    public void hostConnected(PortInfo port) {
      out.println("event: a host program has connected");
    }
  }
}
