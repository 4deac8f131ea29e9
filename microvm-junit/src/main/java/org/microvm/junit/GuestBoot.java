package org.microvm.junit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.platform.commons.support.ReflectionSupport;
import org.microvm.agent.GuestAgent;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;
import org.microvm.virtioserial.channel.ChannelBackend;

/** Starts the guest that an annotation describes, and waits until it can be used. */
final class GuestBoot {
  /** The most characters of console output that the message about a failed start shows. */
  private static final int CONSOLE_TAIL = 4000;

  private final MicroVm wanted;

  GuestBoot(MicroVm wanted) {
    this.wanted = wanted;
  }

  /** Creates a machine that can be started. */
  @FunctionalInterface
  private interface Maker {
    Machine make(MachineConfig config) throws MachineException;
  }

  /**
   * Boots the guest.
   *
   * @throws ExtensionConfigurationException if a file of the annotation or the guest images are
   *     missing
   * @throws IOException if the guest does not start or its agent does not answer in time
   */
  RunningGuest boot() throws IOException {
    return start("boot", Machine::create);
  }

  /**
   * Restores the guest from a snapshot of one that this object has booted.
   *
   * @throws IOException if the guest cannot be restored or its agent does not answer in time
   */
  RunningGuest restore(Snapshot snapshot) throws IOException {
    return start("start from its snapshot", config -> Machine.restore(snapshot, config));
  }

  /**
   * Returns whether guests can be restored instead of booted. That needs an agent, whose answer
   * shows that the guest is ready, and no disk of the annotation: the booted guest may have written
   * to it, so its content no longer matches the snapshot.
   */
  boolean restores() {
    return wanted.snapshot()
        && wanted.agent()
        && wanted.disk().isEmpty()
        && wanted.setup() == GuestSetup.Nothing.class;
  }

  /**
   * Returns how many restored guests are kept ready.
   *
   * @throws ExtensionConfigurationException if the annotation's number is negative
   */
  int pool() {
    if (wanted.pool() < 0) {
      throw new ExtensionConfigurationException(
          "@MicroVm(pool = %d): must be 0 or more".formatted(wanted.pool()));
    }
    return wanted.pool();
  }

  private RunningGuest start(String what, Maker maker) throws IOException {
    Path directory = Files.createTempDirectory("microvm-");
    GuestConsole console = new GuestConsole();
    RunningGuest guest = new RunningGuest(directory);
    try {
      Machine machine = maker.make(config(directory, console));
      guest.owns(machine);
      machine.start();
      GuestAgent agent = wanted.agent() ? agent(directory, machine) : null;
      guest.ready(new GuestVm(machine, console, directory, agent));
      return guest;
    } catch (MachineException | IOException | RuntimeException e) {
      guest.close();
      if (e instanceof ExtensionConfigurationException configuration) {
        throw configuration;
      }
      throw new IOException(
          "the guest did not %s: %s%s".formatted(what, e.getMessage(), tail(console)), e);
    } catch (Error e) {
      // An assertion of a GuestSetup, for instance.
      guest.close();
      throw e;
    }
  }

  private static String tail(GuestConsole console) {
    String text = console.toString();
    if (text.isEmpty()) {
      return "; its console output is empty";
    }
    return "\n--- end of its console ---\n"
        + text.substring(Math.max(text.length() - CONSOLE_TAIL, 0));
  }

  private GuestAgent agent(Path directory, Machine machine) throws IOException {
    GuestAgent agent = GuestAgent.connect(directory.resolve(GuestVm.AGENT_CHANNEL));
    try {
      // A guest that has ended no longer answers, so there is no need to wait for the time limit.
      machine.end().thenAccept(end -> closeQuietly(agent));
      agent.await(Duration.ofSeconds(bootSeconds(wanted)));
      return agent;
    } catch (RuntimeException | Error e) {
      agent.close();
      throw e;
    } catch (IOException e) {
      agent.close();
      MachineEnd end = machine.end().getNow(null);
      throw end == null
          ? e
          : new IOException("the guest ended before its agent answered: " + end, e);
    }
  }

  static int bootSeconds(MicroVm wanted) {
    return Math.max(wanted.bootSeconds(), Integer.getInteger(MicroVm.BOOT_SECONDS, 0));
  }

  private static void closeQuietly(GuestAgent agent) {
    try {
      agent.close();
    } catch (IOException e) {
      // The connection is no longer used.
    }
  }

  private MachineConfig config(Path directory, GuestConsole console) throws IOException {
    MachineConfig.Builder builder = base();
    if (!wanted.initrd().isEmpty()) {
      builder.initrd(existing("initrd", wanted.initrd()));
    }
    builder
        .memory((long) wanted.memory() << 20)
        .cpus(wanted.cpus())
        .onReset(wanted.onReset())
        .console(console);
    addChannels(builder, directory);
    ReflectionSupport.newInstance(wanted.setup()).complete(builder, directory);
    return builder.build();
  }

  /** Returns the configuration of kernel, command line and root disk. */
  private MachineConfig.Builder base() throws IOException {
    if (!wanted.kernel().isEmpty()) {
      MachineConfig.Builder builder =
          MachineConfig.builder(existing("kernel", wanted.kernel())).commandLine(wanted.append());
      if (!wanted.disk().isEmpty()) {
        builder.disk(new DiskConfig(existing("disk", wanted.disk()), false));
      }
      return builder;
    }
    GuestImages images = GuestImages.installed();
    if (!images.present()) {
      throw new ExtensionConfigurationException(
          ("no guest images in %s: add the artifact org.microvm:guest-images to the tests' class"
                  + " path, run 'make images' in a clone of microvm, or set the environment variable"
                  + " %s or the system property %s to their directory")
              .formatted(images.directory(), GuestImages.ENVIRONMENT, GuestImages.PROPERTY));
    }
    DiskConfig root =
        wanted.disk().isEmpty()
            ? new DiskConfig(images.disk(), true)
            : new DiskConfig(existing("disk", wanted.disk()), false);
    return MachineConfig.builder(images.kernel())
        .disk(root)
        .commandLine((images.commandLine() + " " + wanted.append()).strip());
  }

  private void addChannels(MachineConfig.Builder builder, Path directory) {
    List<ChannelConfig> channels = new ArrayList<>();
    if (wanted.agent()) {
      channels.add(
          new ChannelConfig(
              PortConfig.named(GuestVm.AGENT_CHANNEL),
              loop -> UnixServerBackend.listen(directory.resolve(GuestVm.AGENT_CHANNEL), false)));
    }
    for (String name : wanted.channels()) {
      channels.add(new ChannelConfig(PortConfig.named(name), ChannelBackend::new));
    }
    // Port 0 is reserved for a console. The number of ports is kept small because each possible
    // port costs the guest memory and time.
    int ports = Math.max(channels.size() + 1, SerialConfig.DEFAULT_MAX_PORTS);
    builder.serial(SerialConfig.defaults().withMaxPorts(ports));
    channels.forEach(builder::channel);
  }

  private static Path existing(String attribute, String file) {
    Path path = Path.of(file);
    if (!Files.isReadable(path)) {
      throw new ExtensionConfigurationException(
          "@MicroVm(%s = \"%s\"): the file does not exist or cannot be read"
              .formatted(attribute, file));
    }
    return path;
  }
}
