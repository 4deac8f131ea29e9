package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.cli.named.Registration;
import org.microvm.cli.serve.RequestSocket;
import org.microvm.cli.serve.ServerLimits;
import org.microvm.syscall.FaultInjection;
import org.microvm.testing.RequiresKvm;

/** Servers that replace others, which fail meanwhile. */
@RequiresKvm
@Timeout(60)
class ServerHandoverTest extends ServerFixture {
  private final List<RequestSocket> sockets = new ArrayList<>();

  @AfterEach
  void closeSockets() {
    sockets.forEach(RequestSocket::close);
  }

  /** Stands for an earlier server, and asks the new one for what a test wants. */
  private void serveEarlier(RequestSocket.Handler handler) throws IOException {
    RequestSocket socket = RequestSocket.open(serverFiles.socket(), handler);
    sockets.add(socket);
    socket.publish();
  }

  private void awaitRoom() throws IOException {
    while (start("room").status() != 0) {
      Thread.onSpinWait();
    }
  }

  @Test
  void serverThatEndsDuringTheHandover_leavesWhatHasArrived() throws Exception {
    MachineServer former = serve();
    assertEquals(0, start("web").status());
    serveEarlier(
        request -> {
          former.answer(request);
          throw new IllegalStateException("instead of the answer");
        });

    serve(new ServerLimits(10, NO_LIMIT, NO_LIMIT), true);

    assertEquals(
        "microvm: the earlier server did not complete the handover: the server ended before it had"
            + " answered\n",
        err.toString());
    assertEquals("running", state("web"));
    quit("web");
    assertEquals(0, start("web").status());
  }

  @Test
  void guestThatIsAwaitedAfterTheHandover_isCalledOff() throws Exception {
    try (Registration ghost = ghost()) {
      serveEarlier(
          request -> {
            try {
              return ask(receive(ghost));
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });

      serve(new ServerLimits(1, NO_LIMIT, NO_LIMIT), true);

      assertEquals("", err.toString());
      awaitRoom();
    }
  }

  @Test
  void guestOfAServerThatEndsBeforeTheAnswer_isCalledOff() throws Exception {
    serve(new ServerLimits(1, NO_LIMIT, NO_LIMIT), false);
    try (Registration ghost = ghost();
        SocketChannel asking =
            SocketChannel.open(UnixDomainSocketAddress.of(serverFiles.socket()))) {
      CountDownLatch gone = new CountDownLatch(1);
      FaultInjection.Rule leaving =
          (call, fd) -> {
            if (call.equals("listen") && Thread.currentThread().getName().startsWith("serve-")) {
              close(asking);
              gone.countDown();
            }
            return 0;
          };
      String words = String.join("\0", receive(ghost));
      try (FaultInjection _ = FaultInjection.by(leaving)) {
        asking.write(
            ByteBuffer.wrap(
                ("microvm-serve-1\0\0/\0" + words + "\0").getBytes(StandardCharsets.UTF_8)));
        asking.shutdownOutput();
        gone.await();
      }

      awaitRoom();
    }
  }

  private static void close(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void handover_waitsForTheOneToThisServer() throws Exception {
    CompletableFuture<Void> newest = new CompletableFuture<>();
    try (Registration ghost = ghost()) {
      serveEarlier(
          request -> {
            try {
              Object middle = inode();
              newest.completeAsync(
                  () -> {
                    try {
                      serve(new ServerLimits(1, NO_LIMIT, NO_LIMIT), true);
                      return null;
                    } catch (IOException e) {
                      throw new UncheckedIOException(e);
                    }
                  });
              while (inode().equals(middle)) {
                Thread.onSpinWait();
              }
              return ask(receive(ghost));
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });

      serve(new ServerLimits(10, NO_LIMIT, NO_LIMIT), true);

      newest.join();
      awaitRoom();
    }
  }

  private Object inode() throws IOException {
    return Files.getAttribute(serverFiles.socket(), "unix:ino");
  }
}
