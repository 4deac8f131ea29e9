package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.NullBackend;

/** While a device is frozen, the host does not change its ports. */
@Timeout(60)
class FreezeTest {
  private final HostChanges changes = new HostChanges(Duration.ofMillis(1));

  @Test
  void change_ofAFrozenDevice_isRefusedAfterTheLimit() throws Exception {
    try (HostChanges.Permit _ = changes.freeze()) {
      assertThrows(PortException.class, changes::begin);
    }

    changes.begin().close();
  }

  @Test
  void changes_ofSeveralThreads_doNotExcludeEachOther() throws Exception {
    try (HostChanges.Permit _ = changes.begin()) {
      assertDoesNotThrow(() -> changes.begin().close());
    }
  }

  @Test
  void freeze_waitsForTheChangesThatAreBeingMade() throws Exception {
    CountDownLatch frozen = new CountDownLatch(1);
    HostChanges.Permit change = changes.begin();
    Thread freezing =
        Thread.ofPlatform()
            .start(
                () -> {
                  changes.freeze();
                  frozen.countDown();
                });
    Await.state(freezing, Thread.State.WAITING);
    assertEquals(1, frozen.getCount());

    change.close();

    assertTrue(frozen.await(10, TimeUnit.SECONDS));
  }

  @Test
  void change_afterTheGuestHasLeft_isRefused() {
    changes.leave();

    PortException refused = assertThrows(PortException.class, changes::begin);

    assertTrue(refused.getMessage().contains("has migrated"), refused.getMessage());
  }

  @Test
  void changesOfPorts_ofAFrozenDevice_waitForItsEnd() throws Exception {
    try (EventLoop loop = EventLoop.open("serial-test");
        SerialDevice device = new SerialDevice(loop, SerialConfig.defaults())) {
      int nr = device.addPort(PortConfig.named("a"), NullBackend.open()).nr();
      FutureTask<Void> removed =
          new FutureTask<>(
              () -> {
                device.removePort(nr);
                return null;
              });
      try (SerialHandover.Freeze _ = device.handover().freeze()) {
        Await.state(Thread.ofPlatform().start(removed), Thread.State.TIMED_WAITING);
        assertEquals(1, device.ports().size(), "what only reads does not wait");
      }

      removed.get(10, TimeUnit.SECONDS);
      assertEquals(List.of(), device.ports());
    }
  }
}
