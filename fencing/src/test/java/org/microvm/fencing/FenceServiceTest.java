package org.microvm.fencing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Requests over a channel, and their effects on fake machines. */
@Timeout(30)
class FenceServiceTest {
  @TempDir private Path directory;

  private final PlayedMachine b = new PlayedMachine();
  private final PlayedMachine c = new PlayedMachine();
  private final ConcurrentLinkedQueue<String> log = new ConcurrentLinkedQueue<>();
  private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 5);
  private SocketChannel guest;
  private Thread service;

  /** A fake machine whose behaviour a test sets. */
  private static final class PlayedMachine implements FenceMachine {
    private volatile boolean on = true;
    private volatile IOException failure;
    private volatile boolean broken;
    private volatile boolean withoutThreads;
    private final CountDownLatch asked = new CountDownLatch(1);
    private volatile CountDownLatch stopped = new CountDownLatch(0);

    @Override
    public boolean isOn() throws IOException {
      fail();
      return on;
    }

    @Override
    public void off() throws IOException {
      asked.countDown();
      fail();
      try {
        stopped.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      on = false;
    }

    @Override
    public void on() {
      on = true;
    }

    @Override
    public void reboot() throws IOException {
      fail();
    }

    private void fail() throws IOException {
      if (failure != null) {
        throw failure;
      }
      if (broken) {
        throw new IllegalStateException("broken");
      }
      if (withoutThreads) {
        throw new OutOfMemoryError("unable to create native thread");
      }
    }
  }

  private FenceService service() {
    return new FenceService(
        Map.of("b", b, "c", c), new FencePolicy(Map.of("a", Set.of("b"))), log::add);
  }

  private FenceSession session(ByteChannel channel) {
    FenceSession.Timing timing = new FenceSession.Timing(Duration.ZERO, clock::get);
    return new FenceSession(service(), "a", channel, log::add, timing);
  }

  @BeforeEach
  void connect() throws IOException {
    Path path = directory.resolve("channel");
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(path));
      guest = SocketChannel.open(UnixDomainSocketAddress.of(path));
      SocketChannel host = listener.accept();
      service =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      session(host).run();
                    } catch (IOException | InterruptedException e) {
                      log.add(e.toString());
                    }
                  });
    }
    awaitService();
  }

  /** What is sent before is dropped. */
  private void awaitService() {
    while (log.isEmpty()) {
      Thread.onSpinWait();
    }
    assertEquals("a: requests are answered now", log.poll());
  }

  @AfterEach
  void end() throws Exception {
    guest.close();
    service.join();
  }

  private int ask(FenceAction action, String machine) throws IOException {
    guest.write(Requests.of(action, machine));
    return answer();
  }

  private int answer() throws IOException {
    ByteBuffer answer = read(5);
    assertEquals(0x61626261, answer.getInt());
    return answer.get() & 0xff;
  }

  private ByteBuffer read(int bytes) throws IOException {
    ByteBuffer answer = ByteBuffer.allocate(bytes);
    while (answer.hasRemaining()) {
      assertTrue(guest.read(answer) >= 0, "the channel has ended");
    }
    return answer.flip();
  }

  @Test
  void machine_isSwitchedOffAndOn() throws Exception {
    assertEquals(0, ask(FenceAction.STATUS, "b"));
    assertEquals(0, ask(FenceAction.OFF, "b"));
    assertEquals(2, ask(FenceAction.STATUS, "b"));
    assertEquals(0, ask(FenceAction.ON, "b"));
    assertEquals(0, ask(FenceAction.STATUS, "b"));
    assertEquals(0, ask(FenceAction.REBOOT, "b"));
    assertEquals(0, ask(FenceAction.DEVICE_STATUS, ""));
    assertEquals(
        List.of("a: OFF b: SUCCESS", "a: ON b: SUCCESS", "a: REBOOT b: SUCCESS"), List.copyOf(log));
  }

  @Test
  void otherMachines_areDeniedWhetherTheyExistOrNot() throws Exception {
    for (String name : List.of("a", "c", "d", "")) {
      assertEquals(3, ask(FenceAction.OFF, name));
      assertEquals(3, ask(FenceAction.STATUS, name));
    }
    assertTrue(c.on);
  }

  @Test
  void off_isConfirmedOnlyOnceTheMachineHasStopped() throws Exception {
    b.stopped = new CountDownLatch(1);
    guest.write(Requests.of(FenceAction.OFF, "b"));
    b.asked.await();

    guest.configureBlocking(false);
    assertEquals(0, guest.read(ByteBuffer.allocate(1)));
    guest.configureBlocking(true);
    b.stopped.countDown();

    assertEquals(0, answer());
    assertTrue(!b.on);
  }

  @Test
  void machineInUnknownState_isAFailure() throws Exception {
    b.failure = new IOException("no answer");

    assertEquals(1, ask(FenceAction.OFF, "b"));
    assertEquals(1, ask(FenceAction.STATUS, "b"));
    assertEquals(1, ask(FenceAction.REBOOT, "b"));
    assertEquals("a: OFF b: FAILURE: no answer", log.peek());
  }

  @Test
  void machineThatThrowsAnError_isAFailure_andTheSessionGoesOn() throws Exception {
    b.withoutThreads = true;

    assertEquals(1, ask(FenceAction.OFF, "b"));
    assertEquals(0, ask(FenceAction.DEVICE_STATUS, ""));
  }

  @Test
  void machineThatThrows_isAFailure_andCountsAsOn() throws Exception {
    b.broken = true;

    assertEquals(1, ask(FenceAction.OFF, "b"));
    assertEquals("a: OFF b: FAILURE: java.lang.IllegalStateException: broken", log.peek());
    guest.write(Requests.of(FenceAction.LIST, ""));
    assertEquals(253, answer());
    assertEquals(1, read(130).get(128));
    read(130);
    assertEquals(0, ask(FenceAction.DEVICE_STATUS, ""));
  }

  @Test
  void channelThatThrows_endsTheSession() {
    FenceSession session = session(new BrokenChannel());

    IOException failure = assertThrows(IOException.class, session::run);
    assertEquals(
        "the channel failed: java.lang.IllegalStateException: broken", failure.getMessage());
  }

  private static final class BrokenChannel implements ByteChannel {
    @Override
    public int read(ByteBuffer target) {
      throw new IllegalStateException("broken");
    }

    @Override
    public int write(ByteBuffer source) {
      return source.remaining();
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }

  @Test
  void unknownAction_isAFailure() throws Exception {
    guest.write(Requests.of(77, 0, new byte[] {'b'}));

    assertEquals(1, answer());
  }

  @Test
  void answerWhoseClientHasGivenUp_isNotTakenForTheNextOne() throws Exception {
    b.stopped = new CountDownLatch(1);
    guest.write(Requests.of(FenceAction.OFF, "b"));
    b.asked.await();
    guest.write(Requests.of(FenceAction.OFF, "c"));
    awaitPending();
    b.stopped.countDown();

    assertEquals(3, answer());
    assertEquals("a: the answer to OFF is dropped: its client asks again", lineWith("dropped"));
  }

  @Test
  void answerThatIsLate_isDropped_sinceItsClientHasGivenUp() throws Exception {
    b.stopped = new CountDownLatch(1);
    guest.write(Requests.of(FenceAction.OFF, "b"));
    b.asked.await();
    pass(28);
    b.stopped.countDown();
    awaitLine("a: the answer to OFF is dropped: its client has given up");

    assertEquals(2, ask(FenceAction.STATUS, "b"));
  }

  @Test
  void requestWhoseClientHasGivenUp_isNotDone() throws Exception {
    b.stopped = new CountDownLatch(1);
    guest.write(Requests.of(FenceAction.OFF, "b"));
    b.asked.await();
    guest.write(Requests.of(FenceAction.ON, "b"));
    awaitPending();
    pass(28);
    b.stopped.countDown();
    awaitLine("a: ON is not carried out: its client has given up");

    assertEquals(2, ask(FenceAction.STATUS, "b"));
  }

  @Test
  void requestThatWaitsTooLongForAnother_isAFailure() throws Exception {
    FenceService service = service();
    b.stopped = new CountDownLatch(1);
    FenceRequest off = new FenceRequest(FenceAction.OFF, "b", 1);
    Thread first = Thread.ofVirtual().start(() -> answer(service, off));
    b.asked.await();

    IOException failure = assertThrows(IOException.class, () -> service.answer("a", off, () -> 0));

    assertEquals("another request for the machine is still in progress", failure.getMessage());
    b.stopped.countDown();
    first.join();
    assertEquals(FenceResult.SUCCESS, service.answer("a", off, () -> 0));
  }

  private static void answer(FenceService service, FenceRequest request) {
    try {
      service.answer("a", request, () -> 0);
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void pass(int seconds) {
    clock.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
  }

  private void awaitLine(String line) {
    while (!log.contains(line)) {
      assertFalse(Thread.interrupted(), () -> "the log has " + log);
      Thread.onSpinWait();
    }
  }

  /**
   * Waits until the session has read what was sent: the socket takes no more than it has room for.
   */
  private void awaitPending() throws IOException {
    // The session reads in pieces of 4096 bytes, so it has read the request once it has read these.
    ByteBuffer junk = ByteBuffer.allocate(1 << 20);
    while (junk.hasRemaining()) {
      guest.write(junk);
    }
  }

  private String lineWith(String word) {
    return log.stream().filter(line -> line.contains(word)).findFirst().orElse("");
  }

  @Test
  void list_hasTheMachinesThatTheGuestMayFence() throws Exception {
    guest.write(Requests.of(FenceAction.LIST, ""));

    assertEquals(253, answer());
    ByteBuffer entry = read(130);
    byte[] name = new byte[64];
    entry.get(name);
    assertEquals("b", new String(name, StandardCharsets.US_ASCII).trim());
    assertEquals(1, entry.get(128));
    assertArrayEquals(new byte[130], read(130).array());
    // The client reads no result after the list.
    assertEquals(0, ask(FenceAction.DEVICE_STATUS, ""));
  }

  @Test
  void guestThatFloods_makesAShortLog() throws Exception {
    for (int i = 0; i < 100; i++) {
      assertEquals(3, ask(FenceAction.OFF, "c"));
    }
    assertEquals(LimitedLog.LINES - 1, log.size());
  }

  @Test
  void guestThatFloodsWithLists_makesAShortLog() throws Exception {
    b.failure = new IOException("no answer");
    for (int i = 0; i < 100; i++) {
      guest.write(Requests.of(FenceAction.LIST, ""));
      assertEquals(253, answer());
      read(2 * 130);
    }
    assertEquals("a: b: no answer", log.peek());
    assertEquals(LimitedLog.LINES - 1, log.size());
  }

  @Test
  void list_letsOneRequestAtATimeAtAMachine() throws Exception {
    FenceService service = service();
    b.stopped = new CountDownLatch(1);
    FenceRequest off = new FenceRequest(FenceAction.OFF, "b", 1);
    Thread first = Thread.ofVirtual().start(() -> answer(service, off));
    b.asked.await();

    List<Replies.Entry> busy = service.list("a", log::add, () -> 0);
    b.stopped.countDown();
    first.join();

    assertEquals(List.of(new Replies.Entry("b", true)), busy);
    assertEquals("b: another request for the machine is still in progress", log.peek());
    assertEquals(List.of(new Replies.Entry("b", false)), service.list("a", log::add, () -> 0));
  }

  @Test
  void requestsOlderThanTheConnection_areDropped() throws Exception {
    Path path = directory.resolve("other");
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(path));
      SocketChannel other = SocketChannel.open(UnixDomainSocketAddress.of(path));
      other.write(Requests.of(FenceAction.OFF, "b"));
      other.shutdownOutput();

      service().serve("a", listener.accept());

      assertTrue(b.on);
      assertEquals(-1, other.read(ByteBuffer.allocate(1)));
    }
  }

  @Test
  void guestThatMayFenceAMissingMachine_isRefused() {
    FencePolicy policy = new FencePolicy(Map.of("a", Set.of("z")));

    assertThrows(
        IllegalArgumentException.class, () -> new FenceService(Map.of(), policy, log::add));
  }

  @Test
  void nameThatDoesNotFit_isRefused() {
    Map<String, FenceMachine> machines = Map.of("x".repeat(64), b);

    assertThrows(
        IllegalArgumentException.class,
        () -> new FenceService(machines, new FencePolicy(Map.of()), log::add));
  }
}
