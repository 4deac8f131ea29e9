package org.microvm.devices.legacy;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class Uart16550Test {
  private static final int DATA = 0;
  private static final int IER = 1;
  private static final int IIR = 2;
  private static final int FCR = 2;
  private static final int LCR = 3;
  private static final int MCR = 4;
  private static final int LSR = 5;
  private static final int MSR = 6;

  private final ByteArrayOutputStream sent = new ByteArrayOutputStream();
  private final List<Boolean> levels = new ArrayList<>();
  private final AtomicInteger roomCalls = new AtomicInteger();
  private final Uart16550 uart = new Uart16550(levels::add, sent::write);
  private final Linux8250Driver linux = new Linux8250Driver(uart);

  @Test
  void linuxAutoconfig_findsA16550A() {
    assertEquals("16550A", linux.type());
  }

  @Test
  void linuxAutoconfig_sendsNothing() {
    linux.type();

    assertEquals(0, sent.size());
  }

  @Test
  void linuxSizeFifo_isSixteen() {
    assertEquals(16, linux.fifoSize());
  }

  @Test
  void linuxStartup_findsNoThreBug() {
    assertFalse(linux.hasThreBug());
  }

  @Test
  void linuxStartup_findsNoTxenBug() {
    assertFalse(linux.hasTxenBug());
  }

  @Test
  void transmit_byteIsSentAndTheTransmitterIsEmpty() {
    out(DATA, 'x');

    assertEquals("x", sent.toString(US_ASCII));
    assertEquals(0x60, in(LSR));
  }

  @Test
  void transmit_stringIsSentAsAWhole() {
    MemorySegment data = MemorySegment.ofArray("_hello".getBytes(US_ASCII));

    uart.writeRepeated(DATA, 1, data, 1, 5);

    assertEquals("hello", sent.toString(US_ASCII));
  }

  @Test
  void transmit_stringInLoopbackIsReceived() {
    out(FCR, 1);
    out(MCR, 0x10);
    MemorySegment data = MemorySegment.ofArray("hi".getBytes(US_ASCII));

    uart.writeRepeated(DATA, 1, data, 0, 2);

    assertEquals('h', in(DATA));
    assertEquals('i', in(DATA));
    assertEquals(0, sent.size());
  }

  @Test
  void transmit_stringInterruptsOnce() {
    out(IER, 2);
    levels.clear();

    uart.writeRepeated(DATA, 1, MemorySegment.ofArray(new byte[16]), 0, 16);

    assertEquals(List.of(false, true), levels);
  }

  @Test
  void registers_wideAccessIsSplitIntoBytes() {
    uart.write(LCR, 2, 0x0b03);

    assertEquals(0x0b03, uart.read(LCR, 2));
    assertEquals(0x03, in(LCR));
    assertEquals(0x0b, in(MCR));
  }

  @ParameterizedTest
  @CsvSource({"7, 0x5a, 0x5a", "3, 0x1b, 0x1b", "4, 0xff, 0x1f", "1, 0xff, 0x0f", "5, 0, 0x60"})
  void register_readsBackTheBitsItHas(int register, String written, String expected) {
    out(register, Integer.decode(written));

    assertEquals(Integer.decode(expected), in(register));
  }

  @Test
  void divisor_isBehindDlabAndLeavesTheOthersAlone() {
    out(IER, 5);
    out(LCR, 0x83);
    out(DATA, 0x34);
    out(IER, 0x12);

    assertEquals(0x1234, uart.read(DATA, 2));
    out(LCR, 0x03);
    assertEquals(5, in(IER));
    assertEquals(0, sent.size());
  }

  @Test
  void modemStatus_linesAreAssertedWithoutChanges() {
    assertEquals(0xb0, in(MSR));
  }

  @ParameterizedTest
  @CsvSource({"0x11, 0x20", "0x12, 0x10", "0x14, 0x40", "0x18, 0x80", "0x1a, 0x90", "0x10, 0"})
  void loopback_modemOutputsComeBackAsInputs(String control, String status) {
    out(MCR, Integer.decode(control));

    assertEquals(Integer.decode(status), in(MSR) & 0xf0);
  }

  @Test
  void modemStatus_changesShowOnceAndInterrupt() {
    out(IER, 8);
    out(MCR, 0x10);

    assertEquals(0x00, in(IIR));
    assertEquals(List.of(true), levels);
    assertEquals(0x0b, in(MSR));
    assertEquals(0x00, in(MSR));
    assertEquals(List.of(true, false), levels);
    assertEquals(0x01, in(IIR));
  }

  @Test
  void modemStatus_ringShowsItsTrailingEdgeOnly() {
    out(MCR, 0x14);
    assertEquals(0, in(MSR) & 0x04);

    out(MCR, 0x10);

    assertEquals(0x04, in(MSR));
  }

  @Test
  void thre_enablingInterruptsAtOnce() {
    out(IER, 2);

    assertEquals(List.of(true), levels);
    assertEquals(0x02, in(IIR));
  }

  @Test
  void thre_readingIirEndsTheInterrupt() {
    out(IER, 2);
    in(IIR);

    assertEquals(0x01, in(IIR));
    assertEquals(List.of(true, false), levels);
  }

  @Test
  void thre_enablingTwiceDoesNotInterruptAgain() {
    out(IER, 2);
    in(IIR);
    out(IER, 3);

    assertEquals(0x01, in(IIR));
  }

  @Test
  void thre_everyByteSentMakesAnEdge() {
    out(IER, 2);
    levels.clear();

    out(DATA, 'a');
    out(DATA, 'b');

    assertEquals(List.of(false, true, false, true), levels);
  }

  @Test
  void thre_withTheInterruptOffTheLineStaysLow() {
    out(DATA, 'a');

    assertEquals(List.of(), levels);
  }

  @Test
  void thre_readingAHigherInterruptDoesNotEndIt() {
    out(IER, 3);
    uart.receive((byte) 'x');

    assertEquals(0x04, in(IIR));
    in(DATA);
    assertEquals(0x02, in(IIR));
  }

  @Test
  void receive_byteIsReadAndInterrupts() {
    out(IER, 1);

    assertTrue(uart.receive((byte) 0xe4));

    assertEquals(List.of(true), levels);
    assertEquals(0x61, in(LSR));
    assertEquals(0x04, in(IIR));
    assertEquals(0xe4, in(DATA));
    assertEquals(0x60, in(LSR));
    assertEquals(List.of(true, false), levels);
  }

  @Test
  void receive_withoutFifoHoldsOneByte() {
    out(IER, 1);

    assertTrue(uart.receive((byte) 1));
    assertFalse(uart.receive((byte) 2));

    assertEquals(1, in(DATA));
  }

  @Test
  void receive_whileInputIsHeld_isRefusedAndWaits() {
    AtomicInteger rooms = new AtomicInteger();
    uart.onRoom(rooms::incrementAndGet);
    out(IER, 1);
    uart.holdInput();

    assertFalse(uart.receive((byte) 1));
    in(LSR);
    assertEquals(0, rooms.get());
    uart.releaseInput();

    assertEquals(1, rooms.get());
    assertTrue(uart.receive((byte) 1));
  }

  @Test
  void receive_fifoHoldsSixteenInOrder() {
    out(FCR, 1);
    out(IER, 1);

    assertEquals(16, offer("0123456789abcdefgh"));

    assertEquals("0123456789abcdef", take(16));
    assertEquals(0x60, in(LSR));
  }

  @Test
  void receive_fifoGoesRoundItsEnd() {
    out(FCR, 1);
    out(IER, 1);
    offer("0123456789");
    take(10);

    offer("abcdefghij");

    assertEquals("abcdefghij", take(10));
  }

  @Test
  void receive_fullNeverOverruns() {
    out(FCR, 1);
    out(IER, 1);
    offer("0123456789abcdefgh");

    assertEquals(0, in(LSR) & 0x02);
  }

  @ParameterizedTest
  @CsvSource({"0x41, 4", "0x81, 8", "0xc1, 14"})
  void receive_triggerLevel_distinguishesTimeoutFromFull(String control, int trigger) {
    out(FCR, Integer.decode(control));
    out(IER, 1);
    offer("0123456789abcdef".substring(0, trigger));

    assertEquals(0xc4, in(IIR));
    take(1);
    assertEquals(0xcc, in(IIR));
  }

  @Test
  void receive_timeoutEndsWhenTheFifoIsEmpty() {
    out(FCR, 0xc1);
    out(IER, 1);
    offer("ab");

    assertEquals(0xcc, in(IIR));
    take(2);
    assertEquals(0xc1, in(IIR));
    assertEquals(List.of(true, false), levels);
  }

  @ParameterizedTest
  @ValueSource(ints = {0x03, 0x00})
  void fifoControl_resetOrSwitchEmptiesTheReceiver(int control) {
    out(FCR, 1);
    out(IER, 1);
    offer("abc");
    in(LSR);

    out(FCR, control);

    assertEquals(0x60, in(LSR));
  }

  @Test
  void fifoControl_sameSettingKeepsTheBytes() {
    out(FCR, 1);
    out(IER, 1);
    offer("abc");

    out(FCR, 0x81);

    assertEquals("abc", take(3));
  }

  @Test
  void iir_showsTheFifo() {
    out(FCR, 1);

    assertEquals(0xc1, in(IIR));
  }

  @Test
  void overrun_inLoopbackKeepsTheFifoAndShowsOnce() {
    out(FCR, 1);
    out(MCR, 0x10);
    out(IER, 4);
    send("0123456789abcdefg");

    assertEquals(0xc6, in(IIR));
    assertEquals(0x63, in(LSR));
    assertEquals(0x61, in(LSR));
    assertEquals(0xc1, in(IIR));
    assertEquals("0123456789abcdef", take(16));
  }

  @Test
  void overrun_withoutFifoTheNewerByteWins() {
    out(MCR, 0x10);
    send("ab");

    assertEquals(0x63, in(LSR));
    assertEquals('b', in(DATA));
  }

  @Test
  void priorities_lineStatusThenDataThenTransmitterThenModem() {
    out(MCR, 0x10);
    send("ab");
    out(IER, 0x0f);

    assertEquals(0x06, in(IIR));
    in(LSR);
    assertEquals(0x04, in(IIR));
    in(DATA);
    assertEquals(0x02, in(IIR));
    assertEquals(0x00, in(IIR));
    in(MSR);
    assertEquals(0x01, in(IIR));
  }

  @Test
  void room_isReportedOnceWhenARefusedSourceMayContinue() {
    uart.onRoom(roomCalls::incrementAndGet);
    out(FCR, 1);
    out(IER, 1);
    offer("0123456789abcdefgh");

    take(15);
    assertEquals(0, roomCalls.get());
    take(1);
    take(1);

    assertEquals(1, roomCalls.get());
  }

  @Test
  void room_isNotReportedWhenNothingWasRefused() {
    uart.onRoom(roomCalls::incrementAndGet);
    out(IER, 1);
    offer("a");

    take(1);

    assertEquals(0, roomCalls.get());
  }

  @Test
  void room_isReportedAfterAFifoReset() {
    uart.onRoom(roomCalls::incrementAndGet);
    out(IER, 1);
    offer("ab");
    in(LSR);

    out(FCR, 7);

    assertEquals(1, roomCalls.get());
  }

  @Test
  void receive_inLoopbackWaitsForItsEnd() {
    uart.onRoom(roomCalls::incrementAndGet);
    out(IER, 1);
    out(MCR, 0x10);

    assertFalse(uart.receive((byte) 'a'));
    out(MCR, 0x0b);

    assertEquals(1, roomCalls.get());
    assertTrue(uart.receive((byte) 'a'));
  }

  @Test
  void receive_fromAnotherThreadLosesNothing() throws InterruptedException {
    byte[] all = "the quick brown fox jumps over the lazy dog. ".repeat(500).getBytes(US_ASCII);
    Semaphore room = new Semaphore(0);
    uart.onRoom(room::release);
    out(FCR, 1);
    Thread source = Thread.ofPlatform().daemon().start(() -> feed(all, room));

    String read = assertTimeoutPreemptively(Duration.ofSeconds(20), () -> takeWaiting(all.length));
    source.join();

    assertEquals(new String(all, US_ASCII), read);
  }

  private void feed(byte[] all, Semaphore room) {
    MemorySegment data = MemorySegment.ofArray(all);
    int given = 0;
    while (given < all.length) {
      int taken = uart.receive(data, given, all.length - given);
      given += taken;
      if (given < all.length) {
        room.acquireUninterruptibly();
      }
    }
  }

  private String takeWaiting(int count) {
    StringBuilder text = new StringBuilder();
    while (text.length() < count) {
      if ((in(LSR) & 1) != 0) {
        text.append((char) in(DATA));
      }
    }
    return text.toString();
  }

  private int offer(String text) {
    return uart.receive(MemorySegment.ofArray(text.getBytes(US_ASCII)), 0, text.length());
  }

  private String take(int count) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append((char) in(DATA));
    }
    return text.toString();
  }

  private void send(String text) {
    text.chars().forEach(c -> out(DATA, c));
  }

  private int in(int register) {
    return (int) uart.read(register, 1);
  }

  private void out(int register, int value) {
    uart.write(register, 1, value);
  }
}
