package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.RingBackend;
import org.microvm.virtioserial.backend.RingBuffer;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** A port whose host end is exchanged or disconnected while the guest has it open. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class HostEndExchangeTest extends OnePortFixture {
  @Test
  void exchanged_thePortContinuesWithTheNewHostEnd() throws Exception {
    guest.open(nr);
    try (Host old = machine.connect("a")) {
      guest.write(nr, "to the old one".getBytes());
      assertEquals("to the old one", old.readText(14));

      machine.device.exchangeBackend(nr, UnixServerBackend.listen(machine.path("b"), false)).get();

      assertTrue(old.atEnd());
      try (Host next = Host.connect(machine.path("b"))) {
        guest.write(nr, "to the new one".getBytes());
        assertEquals("to the new one", next.readText(14));
        next.write("back");
        assertArrayEquals("back".getBytes(), guest.read(nr, 4));
      }
    }
  }

  @Test
  void exchanged_forARing_whichKeepsTheLastBytes() throws Exception {
    guest.open(nr);
    RingBuffer ring = new RingBuffer(8);

    machine.device.exchangeBackend(nr, RingBackend.open(ring)).get();
    machine.events.await("host connected a");
    guest.write(nr, "0123456789".getBytes());
    machine.device.removePort(nr);

    assertEquals("23456789", new String(ring.read(100)));
  }

  @Test
  void exchange_ofARemovedPort_fails() throws Exception {
    machine.device.removePort(nr);
    PortBackend next = NullBackend.open();

    ExecutionException failure =
        assertThrows(
            ExecutionException.class, () -> machine.device.exchangeBackend(nr, next).get());

    assertInstanceOf(PortException.class, failure.getCause());
    next.close();
  }

  @Test
  void exchanged_cancelledBeforeTheLoopGetsToIt_thePortKeepsItsHostEnd() throws Exception {
    guest.open(nr);
    PortBackend next = NullBackend.open();
    try (Host host = machine.connect("a")) {
      CountDownLatch held = new CountDownLatch(1);
      machine.loop.execute(() -> awaitQuietly(held));
      CompletableFuture<Void> exchange = machine.device.exchangeBackend(nr, next);

      assertTrue(exchange.cancel(false));
      next.close();
      held.countDown();

      guest.write(nr, "still here".getBytes());
      assertEquals("still here", host.readText(10));
    }
  }

  @Test
  void exchanged_ofADeviceThatIsClosedMeanwhile_failsWithoutTheLoop() throws Exception {
    PortBackend next = NullBackend.open();
    CountDownLatch held = new CountDownLatch(1);
    machine.loop.execute(() -> awaitQuietly(held));
    CompletableFuture<Void> exchange = machine.device.exchangeBackend(nr, next);

    machine.device.close();

    ExecutionException failure =
        assertThrows(ExecutionException.class, () -> exchange.get(10, TimeUnit.SECONDS));
    assertInstanceOf(PortException.class, failure.getCause());
    held.countDown();
    next.close();
  }

  @Test
  void exchanged_ofAClosedDevice_fails() throws Exception {
    machine.device.close();
    PortBackend next = NullBackend.open();

    ExecutionException failure =
        assertThrows(
            ExecutionException.class, () -> machine.device.exchangeBackend(nr, next).get());

    assertInstanceOf(PortException.class, failure.getCause());
    next.close();
  }

  @Test
  void exchanged_theLoopEndsBefore_fails() throws Exception {
    PortBackend next = NullBackend.open();
    CompletableFuture<CompletableFuture<Void>> exchange = new CompletableFuture<>();
    machine.loop.execute(
        () -> {
          exchange.complete(machine.device.exchangeBackend(nr, next));
          machine.loop.close();
        });

    assertFailed(exchange.get());
    assertFailed(machine.device.exchangeBackend(nr, next));
    next.close();
  }

  private static void assertFailed(CompletableFuture<Void> exchange) {
    ExecutionException failure =
        assertThrows(ExecutionException.class, () -> exchange.get(10, TimeUnit.SECONDS));
    assertInstanceOf(PortException.class, failure.getCause());
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void disconnected_theNextHostProgramIsServed() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      machine.device.disconnect(nr);

      assertTrue(host.atEnd());
    }
    machine.events.await("host disconnected a");
    try (Host next = machine.connect("a")) {
      guest.write(nr, "hello".getBytes());
      assertEquals("hello", next.readText(5));
    }
  }
}
