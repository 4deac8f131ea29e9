package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.microvm.virtioserial.backend.ConsoleSize;

/** Waiting control messages are merged. */
class ControlOutboxTest {
  private final ControlOutbox outbox = new ControlOutbox();

  @Test
  void sameMessage_waitsOnce() {
    outbox.add(ControlMessage.name(1, "a"));
    outbox.add(ControlMessage.name(1, "a"));

    assertEquals(1, outbox.size());
  }

  @Test
  void resize_latestOneCountsInTheOldPlace() {
    outbox.add(ControlMessage.resize(1, new ConsoleSize(1, 1), ResizeOrder.COLUMNS_ROWS));
    outbox.add(ControlMessage.name(1, "a"));
    outbox.add(ControlMessage.resize(1, new ConsoleSize(2, 3), ResizeOrder.COLUMNS_ROWS));

    assertEquals(2, outbox.size());
    assertEquals(2, outbox.first().payload()[0]);
  }

  @Test
  void open_repeatedWaitsOnce() {
    outbox.addOpen(1, true);
    outbox.addOpen(1, true);

    assertEquals(List.of(1), opens());
  }

  @Test
  void open_closedInBetweenIsKept() {
    outbox.addOpen(1, false);
    outbox.addOpen(1, true);

    assertEquals(List.of(0, 1), opens());
  }

  @Test
  void open_longHistoryKeepsTheLastState() {
    outbox.addOpen(1, true);
    outbox.addOpen(1, false);
    outbox.addOpen(1, true);
    outbox.addOpen(1, false);
    outbox.addOpen(1, true);

    assertEquals(List.of(1), opens());
  }

  @Test
  void withdraw_returnsWhetherTheGuestKnewThePort() {
    outbox.add(ControlMessage.of(1, ControlEvent.PORT_ADD, 0));
    outbox.add(ControlMessage.name(2, "b"));

    assertTrue(outbox.withdraw(1));
    assertFalse(outbox.withdraw(2));
    assertTrue(outbox.isEmpty());
  }

  @Test
  void withdraw_leavesRemovalAndOtherPorts() {
    outbox.add(ControlMessage.of(1, ControlEvent.PORT_REMOVE, 0));
    outbox.add(ControlMessage.of(1, ControlEvent.PORT_ADD, 0));
    outbox.add(ControlMessage.name(2, "b"));

    outbox.withdraw(1);

    assertEquals(2, outbox.size());
  }

  private List<Integer> opens() {
    List<Integer> values = new ArrayList<>();
    for (; !outbox.isEmpty(); outbox.removeFirst()) {
      values.add(outbox.first().value());
    }
    return values;
  }
}
