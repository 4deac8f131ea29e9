package org.microvm.examples;

import java.io.IOException;
import java.io.PrintStream;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestCommand;

/** Demonstrates the {@link ClipboardBridge}: copies one text to a guest and another one back. */
public final class ClipboardDemo {
  private static final String CHANNEL = "org.example.clipboard";
  private static final String AGENT = "org.qemu.guest_agent.0";
  private static final Duration BOOT = Duration.ofMinutes(3);
  private static final Duration ANSWER = Duration.ofMinutes(1);

  private ClipboardDemo() {}

  /** Runs the demonstration. */
  public static void main(String[] args) throws Exception {
    run(System.out);
  }

  static void run(PrintStream out) throws Exception {
    Path directory = Files.createTempDirectory("clipboard");
    Path file = directory.resolve("clipboard.txt");
    Clipboard clipboard = new Clipboard.OfFile(file);
    try (MicrovmProcess machine = MicrovmProcess.start(directory, "vm", CHANNEL, AGENT);
        SocketChannel channel =
            SocketChannel.open(UnixDomainSocketAddress.of(machine.channel(CHANNEL)));
        GuestAgent agent = GuestAgent.connect(machine.channel(AGENT))) {
      Thread bridge = Thread.ofPlatform().daemon().start(() -> bridge(channel, clipboard));
      agent.await(BOOT);
      Path script = MicrovmProcess.home().resolve("examples/guest/clipboard");
      agent.files().copyIn(script, "/run/clipboard");
      inGuest(agent, "setsid sh /run/clipboard /run/text >/dev/null 2>&1 &");
      clipboard.write("copied on the host");
      out.println(
          "in the guest: " + inGuest(agent, "until [ -s /run/text ]; do :; done; cat /run/text"));
      inGuest(agent, "printf 'copied in the guest' >/run/copied; mv /run/copied /run/text");
      while (clipboard.read().equals("copied on the host")) {
        TimeUnit.MILLISECONDS.sleep(50);
      }
      out.println("on the host: " + clipboard.read());
      bridge.interrupt();
      bridge.join();
    } finally {
      Files.deleteIfExists(file);
      Files.deleteIfExists(directory);
    }
  }

  private static String inGuest(GuestAgent agent, String line) throws IOException {
    return agent.processes().run(GuestCommand.of("/bin/sh", "-c", line), ANSWER).output();
  }

  private static void bridge(SocketChannel channel, Clipboard clipboard) {
    try {
      new ClipboardBridge(channel, clipboard).run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      System.err.println(e.getMessage());
    }
  }
}
