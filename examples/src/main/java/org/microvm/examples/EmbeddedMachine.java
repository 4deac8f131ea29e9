package org.microvm.examples;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.microvm.machine.Machine;
import org.microvm.machine.MachineListener;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnReset;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortListener;
import org.microvm.virtioserial.backend.UnixServerBackend;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/** Embeds a machine step by step; the guide to embedding (docs/embedding.md) shows this code. */
public final class EmbeddedMachine {
  private static final String AGENT = "org.qemu.guest_agent.0";

  private final PrintStream out;

  private EmbeddedMachine(PrintStream out) {
    this.out = out;
  }

  /** Boots a guest, pauses it, adds a channel and removes it, and ends the guest. */
  public static void main(String[] args) throws Exception {
    run(System.out);
  }

  static MachineEnd run(PrintStream out) throws Exception {
    Path directory = Files.createTempDirectory("embedded");
    try {
      return new EmbeddedMachine(out).run(directory.resolve("agent.sock"));
    } finally {
      Files.deleteIfExists(directory);
    }
  }

  private MachineEnd run(Path socket) throws Exception {
    ByteArrayOutputStream console = new ByteArrayOutputStream();
    // @start region="config"
    MachineConfig config =
        Linux.guest("quiet") // kernel, disk and command line
            .memory(256L << 20)
            .cpus(1)
            .console(console)
            .onReset(OnReset.RESTART)
            .channel(
                new ChannelConfig(
                    PortConfig.named(AGENT), loop -> UnixServerBackend.listen(socket, false)))
            .build();
    // @end
    // @start region="life"
    try (Machine machine = Machine.create(config)) {
      machine.addListener(new Events());
      machine.channels().addListener(new PortEvents());
      machine.start();
      use(machine);
      machine.stop();
      return machine.end().get(10, TimeUnit.SECONDS);
    }
    // @end
  }

  private void use(Machine machine) throws Exception {
    // @start region="pause"
    if (machine.pause()) {
      out.println("no vCPU runs now");
      machine.resume();
    }
    // @end
    // @start region="hotplug"
    PortInfo port =
        machine
            .channels()
            .addPort(
                PortConfig.named("org.example.0").withByteLimit(64 << 10),
                new ChannelBackend(machine.eventLoop()));
    try (Channel channel = machine.channels().openChannel("org.example.0")) {
      channel.setBlocking(false);
      int taken = channel.write(UTF_8.encode("hello\n"));
      out.println("bytes taken: " + taken);
    }
    machine.channels().removePort(port.nr());
    // @end
  }

  // @start region="listeners"
  /** Called on the thread that caused the event: hand work over to a thread of your own. */
  private final class Events implements MachineListener {
    @Override
    public void paused() {
      out.println("paused");
    }

    @Override
    public void resumed() {
      out.println("resumed");
    }

    @Override
    public void reset(MachineEnd.Reset how, boolean byHost) {
      out.println("the guest starts again: " + how.how());
    }
  }

  /** Called on the event loop: must not block. */
  private final class PortEvents implements PortListener {
    @Override
    public void guestOpened(PortInfo port) {
      out.println("the guest has opened " + port);
    }
  }
  // @end
}
