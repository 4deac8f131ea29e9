package org.microvm.examples;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import org.microvm.linux.PlainText;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/** Sends one request to the agent in a guest over an in-process channel, and prints the answer. */
public final class AgentQuestion {
  private static final String AGENT = "org.qemu.guest_agent.0";

  private AgentQuestion() {}

  /** Boots a guest and asks its agent for the host name. */
  public static void main(String[] args) throws Exception {
    String answer = ask("{\"execute\": \"guest-get-host-name\"}");
    // The guest determines the answer, and a terminal may show it.
    System.out.println(PlainText.of(answer, ""));
  }

  /**
   * Boots a guest and returns its agent's answer to a request. Any program in the guest that opens
   * a channel can be asked in this way.
   */
  static String ask(String question) throws Exception {
    GuestImages images = GuestImages.installed();
    // @start region="question"
    MachineConfig config =
        MachineConfig.builder(images.kernel())
            .commandLine(images.commandLine())
            .disk(new DiskConfig(images.disk(), true))
            .channel(new ChannelConfig(PortConfig.named(AGENT), ChannelBackend::new))
            .build();
    try (Machine machine = Machine.create(config)) {
      machine.start();
      try (Channel channel = machine.channels().openChannel(AGENT)) {
        channel.guestOpened().join();
        channel.write(ByteBuffer.wrap((question + "\n").getBytes(UTF_8)));
        return new BufferedReader(Channels.newReader(channel, UTF_8)).readLine();
      }
    }
    // @end
  }
}
