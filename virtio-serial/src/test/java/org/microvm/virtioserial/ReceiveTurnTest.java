package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.StandardSocketOptions;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Turns whose budget ends just before a step of host-to-guest transfer. */
@Timeout(60)
class ReceiveTurnTest extends SerialMachineFixture {
  private static final int RING = 64;

  /** Less than the cost of one step. */
  private static final int REST = (int) PortQuota.BUFFER_COST / 2;

  private int nr;

  @BeforeEach
  void start() throws Exception {
    nr = machine.addUnix("a");
    guest.boot();
    guest.sendControl(nr, Control.PORT_READY, 1);
  }

  /** Posts buffers that the device sees all at once. */
  private void giveBuffers(int... sizes) {
    for (int size : sizes) {
      guest.stageBuffer(Guest.in(nr), size);
    }
    guest.queue(Guest.in(nr)).publish();
    guest.driver().notifyQueue(Guest.in(nr));
  }

  private static int[] ringOf(int size, int special, int at) {
    int[] sizes = new int[RING];
    Arrays.fill(sizes, size);
    sizes[at] = special;
    return sizes;
  }

  @Test
  void starvedPort_whoseNextTurnEndsWithLessThanAStepLeft_continues() throws Exception {
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      // More than one turn's worth waits in the socket when the guest posts its buffers.
      host.socket().setOption(StandardSocketOptions.SO_SNDBUF, 1 << 20);
      byte[] sent = Guest.bytes((int) PortQuota.TURN_BYTES + 32 * 1024, 1);
      Thread writer = Thread.ofVirtual().start(() -> IsolationTest.writeUnchecked(host, sent));
      Await.until(machine.loop, "stall", () -> machine.numbers(nr).guestStalls() > 0);
      assertTrue(
          writer.join(Await.LIMIT), "the socket's buffer is too small for the written bytes");

      // After reads of 4, 8, 16 and 32 buffers a small part of the turn is left.
      int moved = (int) (PortQuota.TURN_BYTES - 4 * PortQuota.BUFFER_COST) - REST;
      giveBuffers(ringOf(Guest.PAGE, moved - 59 * Guest.PAGE, 59));

      assertArrayEquals(sent, guest.read(nr, sent.length));
    }
  }

  @Test
  void keptBytes_whoseTurnEndsWithLessThanAStepLeft_comeInNoEmptyBuffer() throws Exception {
    byte[] sent = Guest.bytes((int) PortQuota.TURN_BYTES + 32 * 1024, 2);
    try (Host host = machine.connect("a")) {
      host.write(sent);
      Await.until(
          machine.loop, "kept", () -> machine.numbers(nr).bytesHeldForGuest() == sent.length);
      int step = Guest.PAGE + (int) PortQuota.BUFFER_COST;
      int full = (int) PortQuota.TURN_BYTES / step;
      int left = (int) PortQuota.TURN_BYTES - full * step;
      giveBuffers(ringOf(Guest.PAGE, left - (int) PortQuota.BUFFER_COST - REST, full));

      guest.open(nr);

      assertArrayEquals(sent, guest.read(nr, sent.length));
      assertEquals(0, machine.numbers(nr).bytesHeldForGuest());
    }
  }
}
