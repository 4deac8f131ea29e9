package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.CountDownLatch;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.virtio.MmioRegister;

/** A port whose guest violates the protocol, and checks that it works afterwards. */
abstract class HostileGuestFixture extends OnePortFixture {
  Buffer message(byte[] bytes) {
    return Buffer.readable(guest.ram().store(bytes), bytes.length);
  }

  static void awaitUnchecked(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  void stopQueue(int index) {
    guest.driver().write(MmioRegister.QUEUE_SEL, index);
    guest.driver().write(MmioRegister.QUEUE_READY, 0);
  }

  /** Passes a request and its answer through the port. */
  void assertWorks() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("ping");
      assertEquals("ping", new String(guest.read(nr, 4)));
      guest.write(nr, "pong".getBytes());
      assertEquals("pong", host.readText(4));
    }
    machine.events.await("host disconnected a");
  }
}
