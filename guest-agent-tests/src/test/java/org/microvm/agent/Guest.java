package org.microvm.agent;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.microvm.junit.GuestSetup;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** Properties of the project's own guest, for tests. */
final class Guest {
  /** Names of the ports for further agents. */
  static final String SECOND = "second.agent";

  static final String THIRD = "third.agent";

  private Guest() {}

  /**
   * Whether the guests are Debian, in which systemd starts the agent (`make agents-root`), and not
   * the project's own.
   */
  static boolean isDebian() {
    return Files.exists(GuestImages.installed().directory().resolve("packages"));
  }

  static String hostName() {
    return isDebian() ? "agents" : "microvm";
  }

  /** How long a guest may take until its agent answers. */
  static Duration boot() {
    return Duration.ofSeconds(Math.max(180, Integer.getInteger(MicroVm.BOOT_SECONDS, 0)));
  }

  /** A machine with two more ports, each on its own socket. */
  static final class MorePorts implements GuestSetup {
    @Override
    public void complete(MachineConfig.Builder machine, Path directory) {
      Stream.of(SECOND, THIRD)
          .map(
              name ->
                  new ChannelConfig(
                      PortConfig.named(name),
                      loop -> UnixServerBackend.listen(directory.resolve(name), false)))
          .forEach(machine::channel);
    }
  }

  static Path socket(GuestVm vm, String port) {
    return vm.directory().resolve(port);
  }

  /** Returns the process id of the agent that init has started. */
  static long agentPid(GuestVm vm) throws IOException {
    return Long.parseLong(vm.exec("pidof", "-s", "qemu-ga").output());
  }

  /** Returns the environment of programs that the agent starts. */
  static List<String> environment(GuestVm vm) throws IOException {
    return vm.readFile("/proc/self/environ")
        .lines()
        .flatMap(l -> Stream.of(l.split("\0")))
        .toList();
  }

  /**
   * Returns the entry of that environment without which glibc's programs may fail; see the images'
   * command line.
   */
  static String tunables(GuestVm vm) throws IOException {
    return environment(vm).stream()
        .filter(word -> word.startsWith("GLIBC_TUNABLES="))
        .findFirst()
        .orElse("GLIBC_TUNABLES=");
  }

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
