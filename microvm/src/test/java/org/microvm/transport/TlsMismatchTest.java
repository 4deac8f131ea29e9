package org.microvm.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What both sides say if they do not agree about TLS, or one rejects the other's certificate. */
@Timeout(60)
class TlsMismatchTest {
  private static final String HOST = "127.0.0.1";
  private static final String REJECTED = "the peer rejected this side's certificate (";
  private static final String REJECTS = "this side rejected the peer's certificate: ";
  private static final int FRAME = 24;

  @TempDir private Path directory;
  private TestAuthority authority;
  private Path good;

  /** The messages of both sides. */
  private record Failures(String source, String destination) {
    Failures {
      assertEquals(1, source.lines().count(), source);
      assertEquals(1, destination.lines().count(), destination);
    }

    void assertSaid(String bySource, String byDestination) {
      assertTrue(source.contains(bySource), source);
      assertTrue(destination.contains(byDestination), destination);
    }
  }

  @BeforeEach
  void makeCredentials() throws Exception {
    authority = new TestAuthority();
    good = authority.writeCredentials(directory.resolve("good"));
  }

  private static Optional<TlsCredentials> server(Path credentials) throws IOException {
    return credentials == null ? Optional.empty() : Optional.of(TlsCredentials.server(credentials));
  }

  private static TcpTransport client(int port, Path credentials) throws IOException {
    InetSocketAddress destination = InetSocketAddress.createUnresolved(HOST, port);
    return credentials == null
        ? TcpTransport.to(destination)
        : TcpTransport.to(destination, TlsCredentials.client(credentials), HOST);
  }

  /**
   * Lets a source connect to a destination; null for no TLS.
   *
   * @param destination credentials of the destination
   * @param source credentials of the source
   */
  private static Failures failures(Path destination, Path source) throws Exception {
    InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (TcpTransportListener listener = new TcpTransportListener(any, server(destination))) {
      CompletableFuture<String> there = CompletableFuture.supplyAsync(() -> receive(listener));
      try (TcpTransport transport = client(listener.port(), source)) {
        return new Failures(send(transport), there.get(30, TimeUnit.SECONDS));
      }
    }
  }

  private static String receive(TcpTransportListener listener) {
    try (Transport transport = listener.accept();
        Arena arena = Arena.ofConfined()) {
      transport.open();
      return "received: " + transport.read(arena.allocate(FRAME), null);
    } catch (IOException e) {
      return e.getMessage();
    }
  }

  private static String send(Transport transport) {
    try (Arena arena = Arena.ofConfined()) {
      transport.open();
      MemorySegment frame = arena.allocate(FRAME);
      transport.write(frame, List.of());
      return "received: " + transport.read(frame, null);
    } catch (IOException e) {
      return e.getMessage();
    }
  }

  @Test
  void destinationWithoutTls() throws Exception {
    failures(null, good)
        .assertSaid("does it use TLS?", "the peer uses TLS, and this side does not");
  }

  @Test
  void sourceWithoutTls() throws Exception {
    failures(good, null)
        .assertSaid(
            "the peer uses TLS, and this side does not",
            "TLS: the peer does not use it, and this side does");
  }

  @Test
  void sourceOfAnotherAuthority() throws Exception {
    Path stranger = new TestAuthority().writeCredentials(directory.resolve("stranger"));
    authority.trustedIn(stranger);

    failures(good, stranger).assertSaid(REJECTED, REJECTS);
  }

  @Test
  void expiredSource() throws Exception {
    Path late = authority.writeCredentials(directory.resolve("late"));
    authority.client(late, Instant.now().minusSeconds(60));

    failures(good, late).assertSaid(REJECTED, "validity check failed: NotAfter");
  }

  /** Several times: a source that closed at once let the destination read its reason, or not. */
  @RepeatedTest(10)
  void destinationOfAnotherAuthority() throws Exception {
    Path stranger = new TestAuthority().writeCredentials(directory.resolve("stranger"));
    authority.trustedIn(stranger);

    failures(stranger, good).assertSaid(REJECTS, REJECTED);
  }

  @RepeatedTest(10)
  void expiredDestination() throws Exception {
    Path late = authority.writeCredentials(directory.resolve("late"));
    authority.server(late, Instant.now().minusSeconds(60), HOST);

    failures(late, good).assertSaid("validity check failed: NotAfter", REJECTED);
  }

  @RepeatedTest(10)
  void destinationOfAnotherName() throws Exception {
    Path elsewhere = authority.writeCredentials(directory.resolve("elsewhere"));
    authority.server(elsewhere, Instant.now().plusSeconds(60), "192.0.2.1");

    failures(elsewhere, good)
        .assertSaid(REJECTS + "No subject alternative names matching IP address", REJECTED);
  }
}
