package org.microvm.agent;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.microvm.junit.GuestVm;

/**
 * Another qemu-ga in the guest, on its own port, started through the first one.
 *
 * @param agent the connection to it
 * @param process its process in the guest
 * @param vm the guest
 */
record SecondAgent(GuestAgent agent, GuestProcess process, GuestVm vm) implements AutoCloseable {
  private static final Duration START = Duration.ofMinutes(1);
  private static final Duration END = Duration.ofSeconds(10);

  /** Starts an agent as root. */
  static SecondAgent start(GuestVm vm, String port, String... options) throws IOException {
    return start(vm, port, List.of(), options);
  }

  /**
   * Starts an agent as root.
   *
   * @param environment entries to add to the first agent's environment
   */
  static SecondAgent start(GuestVm vm, String port, List<String> environment, String... options)
      throws IOException {
    return run(vm, port, List.of("sh", "-c", line(port, "root", options)), environment);
  }

  /** Starts an agent as the unprivileged user {@code agent}. */
  static SecondAgent startUnprivileged(GuestVm vm, String port) throws IOException {
    if (Guest.isDebian()) {
      // udev leaves ports to root; those of the project's guest are anybody's.
      vm.exec("chown", "agent", "/dev/virtio-ports/" + port);
    }
    return run(vm, port, List.of("su", "agent", "-c", line(port, "agent")), List.of());
  }

  /** Returns a shell command that executes the agent, which has its own directory for its state. */
  private static String line(String port, String user, String... options) {
    return "mkdir -p /tmp/%2$s && exec /usr/sbin/qemu-ga -m virtio-serial -p /dev/virtio-ports/%1$s -t /tmp/%2$s -f /tmp/%2$s/pid %3$s"
        .formatted(port, user + "." + port, String.join(" ", options));
  }

  private static SecondAgent run(
      GuestVm vm, String port, List<String> words, List<String> environment) throws IOException {
    List<String> all = new ArrayList<>(Guest.environment(vm));
    all.addAll(environment);
    GuestProcess process =
        vm.agent().processes().start(new GuestCommand(words, all, new byte[0], false));
    GuestAgent agent = GuestAgent.connect(Guest.socket(vm, port));
    try {
      agent.await(START);
    } catch (IOException e) {
      // The process may still start and hold the port.
      vm.discard();
      agent.close();
      String said = process.result().map(result -> result.output() + result.errors()).orElse("");
      throw new IOException("the second agent did not start: " + said, e);
    }
    return new SecondAgent(agent, process, vm);
  }

  /**
   * Ends the agent and returns when it has ended, because its port cannot be opened by another one
   * before.
   *
   * <p>SIGKILL follows SIGTERM, as from every service manager: qemu-ga 7.2 can deadlock in its
   * SIGTERM handler; see docs/agent.md.
   */
  @Override
  public void close() throws IOException {
    agent.close();
    try {
      if (!endsOn("-TERM") && !endsOn("-KILL")) {
        throw new IOException("process %d outlives SIGKILL".formatted(process.pid()));
      }
    } catch (IOException e) {
      vm.discard();
      throw e;
    }
  }

  private boolean endsOn(String signal) throws IOException {
    vm.exec("kill", signal, Long.toString(process.pid()));
    try {
      process.await(END);
      return true;
    } catch (AgentTimeoutException e) {
      return false;
    }
  }
}
