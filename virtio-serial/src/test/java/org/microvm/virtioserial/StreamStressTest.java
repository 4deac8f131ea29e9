package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Streams in both directions at once, in pieces of random size, with every byte checked. */
class StreamStressTest {
  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void streams_inBothDirectionsAtOnceArriveUnchanged(long seed) throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      int nr = machine.addUnix("a");
      machine.guest.boot();
      machine.guest.waiting();
      machine.guest.sendControl(nr, Control.PORT_READY, 1);
      machine.guest.open(nr);
      try (Host host = machine.connect("a")) {
        var sentByHost = CompletableFuture.supplyAsync(() -> StreamGuest.send(host, seed));
        var receivedByHost = CompletableFuture.supplyAsync(() -> StreamGuest.receive(host, seed));

        StreamGuest.Sums guest = new StreamGuest(machine.guest, nr, seed).run(() -> {});

        assertEquals(sentByHost.get(), guest.received());
        assertEquals(guest.sent(), receivedByHost.get());
        PortStatistics numbers = machine.numbers(nr);
        assertEquals(0, numbers.bytesCopied());
        assertEquals(0, numbers.bytesDropped());
        assertEquals(StreamGuest.STREAM, numbers.bytesFromGuest());
        assertEquals(StreamGuest.STREAM, numbers.bytesToGuest());
      }
    }
  }
}
