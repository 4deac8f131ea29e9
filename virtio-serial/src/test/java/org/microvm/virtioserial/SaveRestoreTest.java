package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.devices.state.StateException;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.devices.virtio.DeviceStatus;

/** A device is saved and restored elsewhere: no byte and no message is lost or duplicated. */
@Timeout(60)
class SaveRestoreTest {
  @TempDir Path directory;
  private MovableDevice device;

  @BeforeEach
  void start() throws Exception {
    device = new MovableDevice(directory, TestRam.of(SerialMachine.RAM));
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Guest guest() {
    return device.guest();
  }

  private void bootAndOpen() {
    guest().boot();
    device.idle();
    guest().waiting();
    guest().ready(1);
    device.idle();
    guest().waiting();
    guest().open(1);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void streams_movedAtRandomMoments_arriveUnchanged(long seed) throws Exception {
    guest().boot();
    guest().waiting();
    guest().sendControl(1, Control.PORT_READY, 1);
    guest().open(1);
    try (Host host = device.connect()) {
      var sentByHost = CompletableFuture.supplyAsync(() -> StreamGuest.send(host, seed));
      var receivedByHost = CompletableFuture.supplyAsync(() -> StreamGuest.receive(host, seed));
      Random random = new Random(seed);

      StreamGuest.Sums sums =
          new StreamGuest(guest(), 1, seed)
              .run(
                  () -> {
                    if (random.nextInt(2) == 0) {
                      device.move(true);
                    }
                  });

      assertEquals(sentByHost.get(), sums.received());
      assertEquals(sums.sent(), receivedByHost.get());
      assertTrue(device.moves() >= 20, "only " + device.moves() + " moves");
    }
  }

  @Test
  void keptBytesFromGuest_reachAHostThatConnectsAfterwards() throws Exception {
    bootAndOpen();
    byte[] sent = Guest.bytes(60 * 1000, 1);
    for (int i = 0; i < 60; i++) {
      guest().write(1, Arrays.copyOfRange(sent, 1000 * i, 1000 * (i + 1)));
    }
    device.idle();
    assertTrue(device.status().statistics().bytesHeldForHost() > 0);

    device.move(false);

    try (Host host = device.connect()) {
      assertArrayEquals(sent, host.read(sent.length));
    }
  }

  @Test
  void keptBytesForTheGuest_reachAProgramThatOpensAfterwards() throws Exception {
    bootAndOpen();
    guest().close(1);
    byte[] sent = Guest.bytes(100_000, 2);
    try (Host host = device.connect()) {
      host.write(sent);
      device.until(() -> device.status().statistics().bytesHeldForGuest() == sent.length);
    }
    device.idle();

    device.move(false);
    guest().open(1);

    assertArrayEquals(sent, guest().read(1, sent.length));
  }

  @Test
  void keptBytesForTheGuest_withoutBuffersAtTheTime_comeWhenThereAreSome() throws Exception {
    guest().boot();
    device.idle();
    guest().waiting();
    guest().sendControl(1, Control.PORT_READY, 1); // no receive buffers
    byte[] sent = Guest.bytes(5000, 3);
    try (Host host = device.connect()) {
      host.write(sent);
      device.until(() -> device.status().statistics().bytesHeldForGuest() == sent.length);
    }
    guest().open(1);
    device.idle();

    device.move(false);
    device.idle();
    guest().waiting();
    guest().addBuffers(Guest.in(1), 2, Guest.PAGE);

    assertArrayEquals(sent, guest().read(1, sent.length));
  }

  @Test
  void hostThatDidNotMove_isReportedClosed() throws Exception {
    bootAndOpen();
    try (Host host = device.connect()) {
      device.idle();
      assertEquals(List.of(Control.open(1, 1)), guest().waiting());

      device.move(false);

      assertEquals(Control.open(1, 0), guest().next());
      assertTrue(host.atEnd());
    }
  }

  @Test
  void hostThatMoved_isNotReported() throws Exception {
    bootAndOpen();
    try (Host host = device.connect()) {
      device.idle();
      guest().waiting();

      device.move(true);
      device.idle();

      assertEquals(List.of(), guest().waiting());
      host.write("still here");
      assertEquals("still here", new String(guest().read(1, 10)));
    }
    assertEquals(Control.open(1, 0), guest().next());
  }

  @Test
  void hostThatMovedAndDisconnected_isFollowedByTheNextOne() throws Exception {
    bootAndOpen();
    Host first = device.connect();
    device.move(true);
    first.close();
    guest().next(2);

    try (Host second = device.connect()) {
      second.write("next");
      assertEquals("next", new String(guest().read(1, 4)));
    }
  }

  @Test
  void clientThatConnectsToTheReleasedDevice_getsNothingThatTheOtherOneDelivers() throws Exception {
    bootAndOpen();
    for (int i = 0; i < 60; i++) {
      guest().write(1, Guest.bytes(1000, i));
    }
    device.idle();
    assertTrue(device.status().statistics().bytesHeldForHost() > 0);

    try (Host tooLate = device.release()) {
      assertTrue(tooLate.isCutOff());
    }
  }

  @Test
  void controlMessages_thatTheDriverHadNoBuffersFor_areSentAfterwards() throws Exception {
    guest().probe(guest().driver().offeredFeatures());
    guest().sendControl(Guest.DEVICE_ID, Control.DEVICE_READY, 1);
    device.idle();

    device.move(false);
    guest().addBuffers(Guest.CONTROL_IN, 1, Guest.PAGE);

    assertEquals(Control.add(1), guest().next());
  }

  @Test
  void device_thatTheDriverHasNotSetUp_canBeSavedToo() throws Exception {
    device.move(false);

    bootAndOpen();
    try (Host host = device.connect()) {
      host.write("hello");
      assertEquals("hello", new String(guest().read(1, 5)));
    }
  }

  @Test
  void deviceThatFoundABrokenRing_betweenUseAndPublication_canBeSaved() throws Exception {
    bootAndOpen();
    VirtqueueDriver control = guest().queue(Guest.CONTROL_OUT);
    control.stage(Buffer.readable(guest().ram().store(Control.encode(1, Control.PORT_OPEN, 0)), 8));
    control.offer(4711);
    guest().driver().notifyQueue(Guest.CONTROL_OUT);

    device.move(false);

    assertTrue((guest().driver().status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0);
    bootAndOpen();
    try (Host host = device.connect()) {
      host.write("hello");
      assertEquals("hello", new String(guest().read(1, 5)));
    }
  }

  @Test
  void receiveBufferWithoutRoom_behindOneWithRoom_isUsedOnceAndInOrder() throws Exception {
    guest().boot();
    device.idle();
    guest().waiting();
    guest().sendControl(1, Control.PORT_READY, 1);
    guest().open(1);
    long page = guest().ram().allocate(Guest.PAGE, 1);
    VirtqueueDriver ring = guest().queue(Guest.in(1));
    int first = ring.add(Buffer.writable(page, Guest.PAGE));
    int roomless = ring.add(Buffer.writable(page, 0));
    int last = ring.add(Buffer.writable(page, Guest.PAGE));
    try (Host host = device.connect()) {
      device.idle();

      device.move(true);
      host.write("hello");
      device.until(() -> device.status().statistics().bytesToGuest() == 5);
      host.write("again");
      device.until(() -> device.status().statistics().bytesToGuest() == 10);

      assertEquals(
          List.of(new UsedBuffer(first, 5), new UsedBuffer(roomless, 0), new UsedBuffer(last, 5)),
          ring.collect());
    }
  }

  @Test
  void portThatIsMissing_isRefusedByName() throws Exception {
    bootAndOpen();

    StateException refused =
        assertThrows(StateException.class, () -> device.move(false, List.of()));

    assertTrue(
        refused.getMessage().contains("port 1 a is in the saved state but missing"),
        refused.getMessage());
  }

  @Test
  void portOfAnotherName_isRefused() throws Exception {
    bootAndOpen();

    StateException refused =
        assertThrows(StateException.class, () -> device.move(false, List.of("b")));

    assertTrue(refused.getMessage().contains("(b)"), refused.getMessage());
  }

  @Test
  void portThatIsNew_isAnnounced() throws Exception {
    bootAndOpen();

    device.move(false, List.of("a", "more"));

    assertEquals(Control.add(2), guest().next());
  }
}
