package org.microvm.devices.legacy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/** Input that is typed before the guest's driver is ready reaches the guest. */
class UartInputTest {
  private static final int DATA = 0;
  private static final int IER = 1;
  private static final int FCR = 2;
  private static final int IIR = 2;
  private static final int MCR = 4;
  private static final int LSR = 5;

  private final List<Boolean> levels = new ArrayList<>();
  private final AtomicInteger roomCalls = new AtomicInteger();
  private final Uart16550 uart = new Uart16550(levels::add, new SerialRing(64, () -> {}));
  private final String typed = "0123456789abcdefghijklmnopqrstuvwxyz";
  private int next;

  private int in(int register) {
    return (int) uart.read(register, 1);
  }

  private void out(int register, int value) {
    uart.write(register, 1, value);
  }

  /** Offers the next byte, as a program does whose output is piped into the console. */
  private void type() {
    if (next < typed.length() && uart.receive((byte) typed.charAt(next))) {
      next++;
    }
  }

  @Test
  void linux_getsEachByteThatWasTypedWhileItsDriverStarts() {
    Linux8250Driver linux = new Linux8250Driver(uart, this::type);
    linux.print("Linux version");
    assertEquals("16550A", linux.type());
    linux.print("ttyS0 is a 16550A");
    linux.startup();
    linux.print("random: crng init done");

    StringBuilder text = new StringBuilder();
    for (String part = linux.interrupt(); !part.isEmpty(); part = linux.interrupt()) {
      text.append(part);
    }

    assertEquals(typed, text.toString());
  }

  @Test
  void guestThatPolls_getsWhatWasTypedBefore() {
    uart.onRoom(roomCalls::incrementAndGet);
    assertFalse(uart.receive((byte) 'a'));
    out(FCR, 7);
    in(LSR);
    in(LSR);
    assertEquals(0, roomCalls.get());

    in(LSR);

    assertEquals(1, roomCalls.get());
    assertTrue(uart.receive((byte) 'a'));
    assertEquals('a', in(DATA));
  }

  @Test
  void guestThatPrints_doesNotPoll() {
    for (int i = 0; i < 100; i++) {
      in(LSR);
      out(DATA, 'x');
    }

    assertFalse(uart.receive((byte) 'a'));
  }

  @Test
  void guestThatPrintsAndHasRaisedItsLines_getsWhatWasTyped() {
    uart.onRoom(roomCalls::incrementAndGet);
    assertFalse(uart.receive((byte) 'a'));
    out(MCR, 0x0b);

    for (int i = 0; i < 16; i++) {
      in(LSR);
      out(DATA, 'x');
    }

    assertEquals(1, roomCalls.get());
    assertTrue(uart.receive((byte) 'a'));
    assertEquals('a', in(DATA));
  }

  @Test
  void interruptEnabled_reportsRoomForRefusedBytes() {
    uart.onRoom(roomCalls::incrementAndGet);
    uart.receive((byte) 'a');

    out(IER, 1);

    assertEquals(1, roomCalls.get());
  }

  @Test
  void interruptMaskedByTheHandler_keepsTheBytesReadable() {
    out(IER, 1);
    out(FCR, 1);
    uart.receive((byte) 'a');
    in(IIR);
    out(IER, 0);

    assertFalse(uart.receive((byte) 'b'), "until it is enabled again");
    assertEquals(1, in(LSR) & 1);
    assertEquals('a', in(DATA));
  }

  @Test
  void fifoReset_dropsOnlyWhatTheGuestKnew() {
    out(IER, 1);
    out(FCR, 1);
    uart.receive((byte) 'a');
    in(LSR);
    out(FCR, 3);
    assertEquals(0, in(LSR) & 1);

    uart.receive((byte) 'b');
    out(FCR, 3);

    assertEquals('b', in(DATA));
  }

  @Test
  void fifoSwitchedOff_keepsTheOrder() {
    out(IER, 1);
    out(FCR, 1);
    uart.receive((byte) 'a');
    uart.receive((byte) 'b');
    out(FCR, 0);

    assertFalse(uart.receive((byte) 'c'));
    assertEquals('a', in(DATA));
    assertEquals('b', in(DATA));
  }

  @Test
  void loopback_keepsTheHostsBytesForAfterwards() {
    out(IER, 1);
    uart.receive((byte) 'h');
    out(MCR, 0x10);
    out(DATA, 'l');
    assertEquals('l', in(DATA));
    assertEquals(0, in(LSR) & 1);

    out(MCR, 0);

    assertEquals('h', in(DATA));
  }

  @Test
  void bytesOnTheLine_areSaved() throws Exception {
    out(IER, 1);
    out(FCR, 1);
    uart.receive((byte) 'a');
    uart.receive((byte) 'b');
    out(FCR, 0);
    StateOutput state = new StateOutput();
    uart.save(state);
    Uart16550 other = new Uart16550(levels::add, new SerialRing(64, () -> {}));

    other.restore(new StateInput("device", 1, state.toByteArray()));

    assertEquals('a', other.read(DATA, 1));
    assertEquals('b', other.read(DATA, 1));
  }
}
