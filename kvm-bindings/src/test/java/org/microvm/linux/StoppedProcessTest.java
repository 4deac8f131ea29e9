package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.syscall.FaultInjection;
import org.microvm.syscall.Syscalls;

/**
 * A process that is stopped and continued, as by Ctrl-Z and fg: some calls then end with EINTR
 * although no signal is handled, see signal(7).
 */
@Timeout(60)
class StoppedProcessTest {
  private static final String STOP_AND_CONTINUE =
      "kill -STOP $1; until grep -q '^State:.T' /proc/$1/status; do :; done; kill -CONT $1";

  @Test
  void read_withATimeLimit_continuesAfterAStop() throws Exception {
    continues(
        socket -> {
          try (Arena arena = Arena.ofConfined()) {
            return socket.read(arena.allocate(1));
          }
        });
  }

  @Test
  void receive_withATimeLimit_continuesAfterAStop() throws Exception {
    continues(
        socket -> {
          try (Arena arena = Arena.ofConfined()) {
            return DescriptorMessage.receive(
                socket, arena.allocate(1), new java.util.ArrayList<>());
          }
        });
  }

  private static void continues(ToLongFunction<Fd> read) throws Exception {
    Fd[] pair = UnixSocket.pair();
    try (Fd here = pair[0];
        Fd there = pair[1]) {
      here.nonBlocking(false);
      UnixSocket.limitReads(here, Duration.ofSeconds(50));
      CompletableFuture<Integer> tid = new CompletableFuture<>();
      FutureTask<Long> reading =
          new FutureTask<>(
              () -> {
                tid.complete(Syscalls.gettid());
                return read.applyAsLong(here);
              });
      Thread.ofPlatform().daemon().start(reading);
      Path status = Path.of("/proc/self/task/" + tid.get() + "/syscall");
      while (!Files.readString(status).matches("(?s)(0|47) .*")) { // read, recvmsg
        Thread.onSpinWait();
      }

      Process stop =
          new ProcessBuilder(
                  "sh", "-c", STOP_AND_CONTINUE, "sh", "" + ProcessHandle.current().pid())
              .start();
      assertEquals(0, stop.waitFor());
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1);
        assertEquals(1, there.write(one));
      }

      assertEquals(1L, reading.get(20, TimeUnit.SECONDS));
    }
  }

  @Test
  void interruptedCalls_areMadeAgain() throws Exception {
    int[] left = {3};
    try (FaultInjection _ =
        FaultInjection.by((kind, fd) -> kind.equals("eventfd") && left[0]-- > 0 ? -4 : 0)) {
      EventFd.open().close();
    }
    assertEquals(-1, left[0]);
  }
}
