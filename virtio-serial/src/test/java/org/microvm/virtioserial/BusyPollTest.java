package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;

/** When the event loop polls for a guest's reply instead of waiting for a notification. */
@Timeout(60)
class BusyPollTest {
  private final BusyPoll wait = new BusyPoll();

  @TempDir Path directory;

  @Test
  void guestThatPollsAndHasReplied_isWaitedFor() {
    assertFalse(wait.asked(true), "the guest has never replied");
    wait.replied();

    assertTrue(wait.asked(true));
  }

  @Test
  void guestWithInterruptsEnabled_isNotPolledFor() {
    wait.asked(true);
    wait.replied();

    assertFalse(wait.asked(false));
  }

  @Test
  void streamTowardsTheGuest_isNotWaitedFor() {
    wait.asked(true);
    wait.replied();
    wait.asked(true);

    assertFalse(wait.asked(true), "the guest did not reply to the bytes before");
  }

  @Test
  void streamFromTheGuest_isNoReply() {
    wait.replied();

    assertFalse(wait.asked(true));
  }

  @Test
  void oneLateReply_skipsNothing() {
    missReplies(1);

    assertEquals(0, skippedOpportunities());
  }

  @Test
  void lateRepliesInSuccession_skipTwiceAsManyEach_upToALimit() {
    missReplies(2);
    assertEquals(1, skippedOpportunities());
    assertFalse(wait.await(() -> false));
    assertEquals(3, skippedOpportunities());

    missReplies(100);
    assertEquals(BusyPoll.LONGEST_PAUSE, skippedOpportunities());
  }

  @Test
  void replyInTime_endsTheSuccessionOfLateOnes() {
    missReplies(10);
    skippedOpportunities();
    assertTrue(wait.await(() -> true));
    missReplies(1);

    assertEquals(0, skippedOpportunities());
  }

  private void missReplies(int count) {
    for (int i = 0; i < count; i++) {
      assertFalse(wait.await(() -> false));
    }
  }

  /** Lets the guest reply to each of its bytes until one of the replies is waited for. */
  private int skippedOpportunities() {
    wait.asked(true);
    int skipped = -1;
    do {
      wait.replied();
      skipped++;
    } while (!wait.asked(true));
    return skipped;
  }

  /** The guest sends no notification, so the device can have found the reply only by polling. */
  @Test
  void reply_isTakenWithoutItsNotification() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      Guest guest = machine.guest.boot();
      int nr = machine.addUnix("a");
      machine.introduce(nr);
      guest.open(nr);
      try (Host host = machine.connect("a")) {
        host.write("first");
        assertEquals("first", text(guest.read(nr, 5)));
        guest.write(nr, bytes("reply"));
        assertEquals("reply", host.readText(5));
        machine.idle();
        guest.queue(Guest.in(nr)).suppressInterrupts();
        byte[] reply = bytes("again");
        guest.queue(Guest.out(nr)).stage(Buffer.readable(guest.ram().store(reply), reply.length));
        guest.queue(Guest.out(nr)).publish();

        host.write("second");

        assertEquals("again", host.readText(5));
      }
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.US_ASCII);
  }
}
