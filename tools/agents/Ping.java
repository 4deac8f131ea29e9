import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.microvm.agent.GuestAgent;

/**
 * Measures how long a guest agent takes to answer a ping while other agents of the guest, and a
 * copy in bulk, use their channels: {@code Ping PINGS BULK AGENT...}. BULK is the socket of a
 * channel that the guest fills. {@code Ping --while WHAT PINGS AGENT [BULK]} prints only the row of
 * what others do meanwhile.
 */
public final class Ping {
  private static final Duration BOOT = Duration.ofMinutes(2);

  private Ping() {}

  /** Prints a table in Markdown. */
  public static void main(String[] args) throws Exception {
    if (args[0].equals("--while")) {
      Path bulk = args.length > 4 ? Path.of(args[4]) : null;
      row(args[1], Integer.parseInt(args[2]), Path.of(args[3]), bulk);
      return;
    }
    int pings = Integer.parseInt(args[0]);
    Path bulk = Path.of(args[1]);
    List<GuestAgent> agents = new ArrayList<>();
    for (String socket : Arrays.copyOfRange(args, 2, args.length)) {
      GuestAgent agent = GuestAgent.connect(Path.of(socket));
      agent.await(BOOT);
      agents.add(agent);
    }
    measure(agents.getFirst(), pings); // Loads classes.
    System.out.println("| while | median ms | 95 % ms | longest ms |");
    System.out.println("| --- | --- | --- | --- |");
    row("the other agents are idle", measure(agents.getFirst(), pings));
    for (int busy = 1; busy < agents.size(); busy = 2 * busy + 1) {
      List<GuestAgent> others = agents.subList(1, busy + 1);
      row(busy + " other agents answer pings", during(others, null, agents.getFirst(), pings));
    }
    row("a channel is read in bulk", during(List.of(), bulk, agents.getFirst(), pings));
    row("both", during(agents.subList(1, agents.size()), bulk, agents.getFirst(), pings));
    for (GuestAgent agent : agents) {
      agent.close();
    }
  }

  private static void row(String what, int pings, Path socket, Path bulk) throws Exception {
    try (GuestAgent agent = GuestAgent.connect(socket)) {
      agent.await(BOOT);
      measure(agent, 10); // Loads classes.
      row(what, during(List.of(), bulk, agent, pings));
    }
  }

  private static double[] measure(GuestAgent agent, int pings) throws IOException {
    double[] millis = new double[pings];
    for (int i = 0; i < pings; i++) {
      long start = System.nanoTime();
      agent.ping();
      millis[i] = (System.nanoTime() - start) / 1e6;
    }
    Arrays.sort(millis);
    return millis;
  }

  private static void row(String what, double[] millis) {
    System.out.printf(
        "| %s | %.1f | %.1f | %.1f |%n",
        what,
        millis[millis.length / 2],
        millis[Math.min(millis.length - 1, millis.length * 95 / 100)],
        millis[millis.length - 1]);
  }

  private static double[] during(List<GuestAgent> others, Path bulk, GuestAgent agent, int pings)
      throws Exception {
    AtomicBoolean ended = new AtomicBoolean();
    AtomicLong answers = new AtomicLong();
    AtomicLong bytes = new AtomicLong();
    List<Thread> threads = new ArrayList<>();
    for (GuestAgent other : others) {
      threads.add(Thread.ofPlatform().start(() -> ping(other, ended, answers)));
    }
    SocketChannel channel = null;
    if (bulk != null) {
      channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      channel.connect(UnixDomainSocketAddress.of(bulk));
      SocketChannel connected = channel;
      threads.add(Thread.ofPlatform().start(() -> read(connected, bytes)));
    }
    long start = System.nanoTime();
    double[] millis = measure(agent, pings);
    double seconds = (System.nanoTime() - start) / 1e9;
    ended.set(true);
    if (channel != null) {
      channel.close();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    System.err.printf(
        "  meanwhile %.1f MB/s in bulk, %.0f pings/s of others%n",
        bytes.get() / 1e6 / seconds, answers.get() / seconds);
    return millis;
  }

  private static void ping(GuestAgent agent, AtomicBoolean ended, AtomicLong answers) {
    try {
      while (!ended.get()) {
        agent.ping();
        answers.incrementAndGet();
      }
    } catch (IOException e) {
      System.err.println(e.getMessage());
    }
  }

  private static void read(SocketChannel channel, AtomicLong bytes) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
    try {
      for (int count = channel.read(buffer); count >= 0; count = channel.read(buffer.clear())) {
        bytes.addAndGet(count);
      }
    } catch (IOException closed) {
      // The measurement is over.
    }
  }
}
