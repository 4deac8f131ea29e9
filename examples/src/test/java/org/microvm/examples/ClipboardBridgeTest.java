package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestCommand;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** A clipboard file on the host and one in the guest. */
@RequiresKvm
@Tag("linux")
@Timeout(600)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ClipboardBridgeTest {
  private static final String CHANNEL = "org.example.clipboard";
  private static final String GUEST_FILE = "/run/clipboard.txt";

  /**
   * Long enough for a MiB through the agent where the guest's kernel is emulated and the machine is
   * busy.
   */
  private static final Duration ANSWER = Duration.ofMinutes(2);

  private static final String BIG =
      "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n".repeat(16_000);

  @TempDir private static Path directory;
  private Machine machine;
  private GuestAgent agent;
  private CompletableFuture<Void> bridge;
  private Thread bridgeThread;

  @BeforeAll
  void boot() throws Exception {
    machine =
        Machine.create(
            Linux.guest("")
                .channel(server("org.qemu.guest_agent.0"))
                .channel(server(CHANNEL))
                .build());
    machine.start();
    agent = GuestAgent.connect(socket("org.qemu.guest_agent.0"), ANSWER);
    agent.await(Duration.ofMinutes(3));
    agent
        .files()
        .copyIn(MicrovmProcess.home().resolve("examples/guest/clipboard"), "/run/clipboard");
    startInGuest();
    startBridge();
  }

  @AfterAll
  void end() throws Exception {
    bridgeThread.interrupt();
    agent.close();
    machine.close();
  }

  private static Path socket(String name) {
    return directory.resolve(name);
  }

  private static ChannelConfig server(String name) {
    return new ChannelConfig(
        PortConfig.named(name), loop -> UnixServerBackend.listen(socket(name), false));
  }

  private static Clipboard host() {
    return new Clipboard.OfFile(directory.resolve("clipboard.txt"));
  }

  private void startInGuest() throws Exception {
    agent
        .processes()
        .run(
            GuestCommand.of(
                "/bin/sh", "-c", "setsid sh /run/clipboard " + GUEST_FILE + " >/dev/null 2>&1 &"),
            Duration.ofSeconds(30));
  }

  private void startBridge() throws Exception {
    bridge = new CompletableFuture<>();
    SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket(CHANNEL)));
    bridgeThread =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  try (channel) {
                    new ClipboardBridge(channel, host()).run();
                    bridge.complete(null);
                  } catch (Exception e) {
                    bridge.completeExceptionally(e);
                  }
                });
  }

  private String guestText() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    agent.files().copyOut(GUEST_FILE, bytes);
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private void guestCopies(String text) throws Exception {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    agent.files().copyIn(new ByteArrayInputStream(bytes), "/run/copied");
    agent
        .processes()
        .run(GuestCommand.of("/bin/mv", "/run/copied", GUEST_FILE), Duration.ofSeconds(30));
  }

  /**
   * Waits until the guest has the text; compares hashes, because reading a MiB repeatedly is slow
   * in the guest.
   */
  private void awaitGuest(String text) throws Exception {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    String hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    GuestCommand hashing = GuestCommand.of("/bin/busybox", "sha256sum", GUEST_FILE);
    while (!agent.processes().run(hashing, ANSWER).output().startsWith(hash)) {
      TimeUnit.MILLISECONDS.sleep(200);
    }
  }

  private void awaitHost(String text) throws Exception {
    while (!host().read().equals(text)) {
      TimeUnit.MILLISECONDS.sleep(100);
    }
  }

  private PortStatistics moved() throws Exception {
    return machine.channels().status(machine.channels().port(CHANNEL).nr()).statistics();
  }

  @Test
  void text_goesBothWaysAndIsNotEchoed() throws Exception {
    host().write("from the host");
    awaitGuest("from the host");
    guestCopies("from the guest\n");
    awaitHost("from the guest\n");
    host().write("");
    awaitGuest("");
    PortStatistics before = moved();

    // Only the large text is transferred: an echo would show in the counters, and would arrive
    // before the small text that is sent back afterwards.
    host().write(BIG);
    awaitGuest(BIG);
    guestCopies("small");
    awaitHost("small");

    PortStatistics after = moved();
    long big = BIG.getBytes(StandardCharsets.UTF_8).length;
    List<Long> sizes =
        List.of(
            (after.bytesToGuest() - before.bytesToGuest()) / big,
            (after.bytesFromGuest() - before.bytesFromGuest()) / big);
    assertEquals(List.of(1L, 0L), sizes, before + " " + after);
  }

  @Test
  void bigText_comesBackFromTheGuest() throws Exception {
    guestCopies(BIG + "!");

    awaitHost(BIG + "!");
  }

  @Test
  void bothSidesAtTheSameTime_endWithOneText() throws Exception {
    for (int i = 0; i < 3; i++) {
      host().write("host " + i);
      guestCopies("guest " + i);
      String text = host().read();
      while (!text.equals(guestText()) || !text.endsWith(" " + i)) {
        TimeUnit.MILLISECONDS.sleep(100);
        text = host().read();
      }
    }
  }

  @Test
  void bridgeThatIsStartedAgain_hasTheGuestsNewerText() throws Exception {
    guestCopies("before");
    awaitHost("before");
    bridgeThread.interrupt();
    bridgeThread.join();
    host().write("old");
    guestCopies("written while nobody was there");

    startBridge();

    awaitHost("written while nobody was there");
  }
}
