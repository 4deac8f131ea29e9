package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest that opens and closes its port continuously still receives every byte in order. */
class ToggleStressTest {
  private static final int STREAM = 4 << 20;

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4999, 65536, 1 << 20})
  void guestThatOpensAndCloses_getsTheWholeStream(int limit) throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      Guest guest = machine.guest;
      int nr = machine.addUnix(PortConfig.named("a").withGuestByteLimit(limit), "a");
      guest.boot();
      machine.introduce(nr);
      byte[] bytes = Guest.bytes(STREAM, limit);
      Random random = new Random(limit);
      ByteArrayOutputStream got = new ByteArrayOutputStream();
      Thread.ofVirtual().start(() -> sendAndLeave(machine, bytes));

      while (got.size() < STREAM) {
        guest.open(nr);
        for (int i = random.nextInt(40); i >= 0 && got.size() < STREAM; i--) {
          got.writeBytes(guest.receive(Guest.in(nr)));
        }
        guest.close(nr);
        // What was delivered before the close is in the ring.
        got.writeBytes(guest.receiveAll(Guest.in(nr)));
        Await.round(machine.loop);
      }

      assertArrayEquals(bytes, got.toByteArray());
      machine.events.await("host disconnected a");
      assertEquals(0, machine.numbers(nr).bytesDropped());
    }
  }

  private static void sendAndLeave(SerialMachine machine, byte[] bytes) {
    try (Host host = Host.connect(machine.path("a"))) {
      host.write(bytes);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
