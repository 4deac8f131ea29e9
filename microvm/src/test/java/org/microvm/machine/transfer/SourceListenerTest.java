package org.microvm.machine.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.machine.transfer.SourceListener.Source;
import org.microvm.syscall.FaultInjection;
import org.microvm.testing.NoThreads;
import org.microvm.transport.TcpTransport;
import org.microvm.transport.TcpTransportListener;
import org.microvm.transport.TestAuthority;
import org.microvm.transport.TlsCredentials;
import org.microvm.transport.Transport;
import org.microvm.transport.TransportListener;
import org.microvm.transport.UnixTransportListener;

/** Connections that do not start a migration: a destination continues to wait. */
@Timeout(60)
class SourceListenerTest {
  private static final Duration LONG = Duration.ofMinutes(5);

  @TempDir private Path directory;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<AutoCloseable> open = new ArrayList<>();
  private SourceListener listener;
  private CompletableFuture<Source> source;

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
    threads.shutdownNow();
  }

  private void await(TransportListener transports, Duration handshake) {
    listener = new SourceListener(transports, handshake);
    open.add(listener);
    await();
  }

  private void await() {
    source =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return listener.await();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            },
            threads);
  }

  @Test
  void waitThatHadNoThread_canBeRepeated() throws Exception {
    listener = new SourceListener(new UnixTransportListener(path()), LONG);
    open.add(listener);
    try (NoThreads _ = NoThreads.here()) {
      assertThrows(OutOfMemoryError.class, listener::await);
    }
    await();

    try (MigrationStream stream = new MigrationStream(UnixSocket.connect(path()))) {
      stream.write(Type.HELLO, MigrationStream.VERSION, new byte[0], List.of());

      source.get(30, TimeUnit.SECONDS).stream().close();
    }
  }

  @Test
  void errorOfTheListener_endsTheWait() {
    TransportListener failing =
        new TransportListener() {
          @Override
          public Transport accept() {
            throw new OutOfMemoryError("Java heap space");
          }

          @Override
          public int port() {
            return -1;
          }

          @Override
          public void close() {}
        };
    await(failing, LONG);

    assertThrows(ExecutionException.class, () -> source.get(30, TimeUnit.SECONDS));
  }

  @Test
  void connectionWithoutAThread_isRefusedAndTheNextOneIsServed() throws Exception {
    UnixTransportListener real = new UnixTransportListener(path());
    AtomicInteger accepted = new AtomicInteger();
    NoThreads[] without = new NoThreads[1];
    TransportListener transports =
        new TransportListener() {
          @Override
          public Transport accept() throws IOException {
            if (accepted.get() > 0) {
              without[0].close();
            }
            Transport transport = real.accept();
            if (accepted.getAndIncrement() == 0) {
              without[0] = NoThreads.here();
            }
            return transport;
          }

          @Override
          public int port() {
            return -1;
          }

          @Override
          public void close() {
            real.close();
          }
        };
    await(transports, LONG);

    try (MigrationStream refused = new MigrationStream(UnixSocket.connect(path()))) {
      assertEquals(null, refused.read());
    }
    try (MigrationStream stream = new MigrationStream(UnixSocket.connect(path()))) {
      stream.write(Type.HELLO, MigrationStream.VERSION, new byte[0], List.of());

      source.get(30, TimeUnit.SECONDS).stream().close();
    }
  }

  private Path path() {
    return directory.resolve("incoming");
  }

  private void awaitOnUnixSocket() throws IOException {
    await(new UnixTransportListener(path()), LONG);
  }

  private void awaitOnTcp(Duration handshake, Optional<TlsCredentials> credentials)
      throws IOException {
    await(
        new TcpTransportListener(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), credentials),
        handshake);
  }

  private Socket stranger() throws IOException {
    Socket stranger = new Socket(InetAddress.getLoopbackAddress(), listener.port());
    open.add(stranger);
    return stranger;
  }

  private void assertSourceIsTaken(MigrationStream stream) throws Exception {
    open.add(stream);
    assertFalse(source.isDone());
    stream.open();
    stream.write(Type.HELLO, MigrationStream.VERSION, new byte[] {1, 2, 3}, List.of());

    Source taken = source.get(30, TimeUnit.SECONDS);
    open.add(taken.stream());
    assertEquals(3, taken.hello().payload().length);
  }

  private MigrationStream unixSource() throws ErrnoException {
    return new MigrationStream(UnixSocket.connect(path()));
  }

  private MigrationStream tcpSource() {
    return new MigrationStream(
        TcpTransport.to(new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.port())));
  }

  @Test
  void connectionsWithoutAFrame_doNotEndTheWait() throws Exception {
    awaitOnUnixSocket();
    for (int i = 0; i < 10; i++) {
      UnixSocket.connect(path()).close();
    }

    assertSourceIsTaken(unixSource());
  }

  @Test
  void serverThatChecksWhetherThePathIsServed_doesNotEndTheWait() throws Exception {
    awaitOnUnixSocket();
    assertThrows(ErrnoException.class, () -> UnixListener.open(path()));

    assertSourceIsTaken(unixSource());
  }

  @Test
  void bytesThatAreNoMigration_doNotEndTheWait() throws Exception {
    awaitOnTcp(LONG, Optional.empty());
    stranger().getOutputStream().write("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".getBytes());
    stranger().close();

    assertSourceIsTaken(tcpSource());
  }

  @Test
  void silentStrangers_doNotKeepASourceOut() throws Exception {
    awaitOnTcp(LONG, Optional.empty());
    for (int i = 0; i < 5; i++) {
      stranger();
    }

    assertSourceIsTaken(tcpSource());
  }

  @Test
  void silentStrangers_duringTheTlsHandshake_doNotKeepASourceOut() throws Exception {
    Path credentials = new TestAuthority().writeCredentials(directory.resolve("pki"));
    awaitOnTcp(LONG, Optional.of(TlsCredentials.server(credentials)));
    for (int i = 0; i < 5; i++) {
      stranger();
    }

    assertSourceIsTaken(
        new MigrationStream(
            TcpTransport.to(
                new InetSocketAddress("127.0.0.1", listener.port()),
                TlsCredentials.client(credentials),
                "127.0.0.1")));
  }

  /** A stranger that sends a byte now and then is refused, since the time counts in total. */
  @Test
  void strangerThatSendsSlowly_isRefused() throws Exception {
    awaitOnTcp(Duration.ofSeconds(1), Optional.empty());
    Socket slow = stranger();
    CompletableFuture<Integer> end =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return slow.getInputStream().read();
              } catch (IOException e) {
                return -1;
              }
            },
            threads);
    for (int i = 0; i < 23 && !end.isDone(); i++) {
      try {
        slow.getOutputStream().write(0);
      } catch (IOException refused) {
        break;
      }
      try {
        end.get(300, TimeUnit.MILLISECONDS);
      } catch (java.util.concurrent.TimeoutException e) {
        continue; // the next byte
      }
    }

    assertTrue(end.isDone());
    assertSourceIsTaken(tcpSource());
  }

  @Test
  void secondSource_isRefusedWhileOneIsServed() throws Exception {
    awaitOnTcp(LONG, Optional.empty());
    assertSourceIsTaken(tcpSource());
    MigrationStream second = tcpSource();
    open.add(second);
    second.open();
    second.write(Type.HELLO, MigrationStream.VERSION, new byte[0], List.of());

    assertEquals(null, endOf(second));
  }

  private static MigrationStream.Frame endOf(MigrationStream stream) {
    try {
      return stream.readAnswer();
    } catch (IOException reset) {
      return null;
    }
  }

  @Test
  void close_endsTheWait() throws Exception {
    awaitOnUnixSocket();
    UnixSocket.connect(path()).close(); // the listener accepts by now
    listener.close();

    assertThrows(ExecutionException.class, () -> source.get(30, TimeUnit.SECONDS));
  }

  @Test
  void noDescriptorLeft_theSourceIsTakenWhenThereIsOne() throws Exception {
    AtomicInteger refusals = new AtomicInteger(2);
    try (FaultInjection _ =
        FaultInjection.by(
            (kind, fd) ->
                kind.equals("accept") && refusals.getAndDecrement() > 0 ? -Errno.EMFILE : 0)) {
      awaitOnUnixSocket();

      assertSourceIsTaken(unixSource());
    }
  }
}
