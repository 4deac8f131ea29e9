package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ClientWaitTest {
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final CompletableFuture<Void> connected = new CompletableFuture<>();

  private String told(String... options) {
    ClientWait.report(connected, List.of(options), new PrintStream(err, true));
    return err.toString();
  }

  @Test
  void wait_namesWhatIsWaitedFor() {
    String text = told("--chardev id=a", "--qmp /tmp/q");

    assertEquals(1, text.lines().count());
    assertTrue(text.contains("connected to --chardev id=a and to --qmp /tmp/q (wait=off"), text);
  }

  @Test
  void wait_thatIsOver_isSilent() {
    connected.complete(null);

    assertEquals("", told("--chardev id=a"));
  }

  @Test
  void chardevs_thatListenAndWait_areAwaited() {
    ChannelOptions channels =
        new ChannelOptions(
            List.of(
                "socket,id=a,path=/tmp/a,server=on",
                "socket,id=b,path=/tmp/b,server=on,wait=off",
                "socket,id=c,path=/tmp/c",
                "socket,id=d,path=/tmp/d,server=on,wait=on,logfile=/tmp/log",
                "null,id=e"),
            false);

    assertEquals(List.of("--chardev id=a", "--chardev id=d"), channels.awaited());
  }
}
