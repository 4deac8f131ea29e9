package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.VirtqueueDriver;

/**
 * C22, C23 and the bugs of other implementations (docs/conformance.md): a guest that violates the
 * protocol.
 */
@DisplayName("5.3.6.1, 5.3.6.2.2 Console Device: Driver Requirements, broken by the driver")
class HostileGuestTest extends HostileGuestFixture {
  @Test
  void c22_controlIdOutOfRange_isCountedAndIgnored() throws Exception {
    guest.sendControl(8, Control.PORT_READY, 1);
    guest.sendControl(0x7fff_ffff, Control.PORT_OPEN, 1);
    guest.sendControl(-1, Control.PORT_OPEN, 1);

    assertEquals(3, machine.device.statistics().controlMalformed());
    assertWorks();
  }

  @Test
  void c22_controlIdOfNoPort_isCountedAndIgnored() throws Exception {
    guest.sendControl(5, Control.PORT_READY, 1);
    guest.sendControl(5, Control.PORT_OPEN, 1);

    assertEquals(2, machine.device.statistics().controlMalformed());
    assertWorks();
  }

  @Test
  void c22_eventsThatOnlyTheDeviceMaySend_areCountedAndIgnored() throws Exception {
    guest.sendControl(nr, Control.PORT_ADD, 1);
    guest.sendControl(nr, Control.PORT_REMOVE, 1);
    guest.sendControl(nr, Control.CONSOLE_PORT, 1);
    guest.sendControl(nr, Control.PORT_NAME, 1);
    guest.sendControl(nr, 0xffff, 1);

    assertEquals(5, machine.device.statistics().controlMalformed());
    assertWorks();
  }

  @Test
  void c22_controlTooShort_isCountedAndIgnored() throws Exception {
    guest.tellRaw();
    guest.tellRaw((byte) 1);
    guest.tellRaw(new byte[7]);

    assertEquals(3, machine.device.statistics().controlMalformed());
    assertWorks();
  }

  @Test
  void c22_controlTooLong_countsForItsFirst8Bytes() throws Exception {
    byte[] message = java.util.Arrays.copyOf(Control.encode(nr, Control.PORT_OPEN, 1), 5000);

    guest.tellRaw(message);

    assertTrue(machine.status(nr).guestOpen());
    assertEquals(1, machine.device.statistics().controlMalformed());
  }

  @Test
  void c22_controlOfOneBytePieces_isUnderstood() throws Exception {
    long address = guest.ram().store(Control.encode(nr, Control.PORT_OPEN, 1));
    Buffer[] pieces = new Buffer[8];
    for (int i = 0; i < 8; i++) {
      pieces[i] = Buffer.readable(address + i, 1);
    }
    guest.driver().send(Guest.CONTROL_OUT, pieces);

    assertTrue(machine.status(nr).guestOpen());
    assertEquals(0, machine.device.statistics().controlMalformed());
  }

  @Test
  void c22_writablePartsInControlTransmit_areNotWritten() throws Exception {
    long address = guest.ram().store(Control.encode(nr, Control.PORT_OPEN, 1));
    long writable = guest.ram().store((byte) 77);

    guest
        .driver()
        .send(Guest.CONTROL_OUT, Buffer.readable(address, 8), Buffer.writable(writable, 1));

    assertEquals(0, guest.awaitUsed(Guest.CONTROL_OUT).length());
    assertEquals(77, guest.ram().load(writable, 1)[0]);
    assertEquals(1, machine.device.statistics().controlMalformed());
  }

  @Test
  void c22_writablePartsInDataTransmit_areNotWritten() throws Exception {
    long readable = guest.ram().store((byte) 'x');
    long writable = guest.ram().store((byte) 77);
    try (Host host = machine.connect("a")) {
      guest.write(nr, Buffer.readable(readable, 1), Buffer.writable(writable, 1));

      guest.awaitSent(nr, 1);
      assertEquals("x", host.readText(1));
      assertEquals(77, guest.ram().load(writable, 1)[0]);
      assertEquals(1, machine.numbers(nr).malformed());
    }
  }

  @Test
  void c22_readableBuffersInAReceiveQueue_areGivenBackEmpty() throws Exception {
    guest.probe(guest.driver().offeredFeatures());
    guest.sendControl(-1, Control.DEVICE_READY, 1);
    long address = guest.ram().store((byte) 77);
    guest.driver().send(Guest.in(nr), Buffer.readable(address, 1));
    guest.addBuffers(Guest.in(nr), 1, 100);
    guest.sendControl(nr, Control.PORT_READY, 1);
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("hello");

      assertEquals(0, guest.awaitUsed(Guest.in(nr)).length());
      assertEquals("hello", new String(guest.read(nr, 5)));
      assertEquals(77, guest.ram().load(address, 1)[0]);
      assertEquals(1, machine.numbers(nr).malformed());
    }
  }

  @Test
  void c22_receiveBufferWithAReadablePart_takesBytesInItsWritablePart() throws Exception {
    guest.probe(guest.driver().offeredFeatures());
    guest.sendControl(-1, Control.DEVICE_READY, 1);
    long address = guest.ram().allocate(16, 1);
    guest.driver().send(Guest.in(nr), Buffer.readable(address, 8), Buffer.writable(address + 8, 8));
    guest.sendControl(nr, Control.PORT_READY, 1);
    guest.open(nr);
    try (Host host = machine.connect("a")) {
      host.write("ok");

      assertEquals(2, guest.awaitUsed(Guest.in(nr)).length());
      assertEquals("ok", new String(guest.ram().load(address + 8, 2)));
      assertEquals(0, guest.ram().load(address, 1)[0]);
    }
  }

  @Test
  void c22_randomControlMessages_areHarmless() throws Exception {
    Random random = new Random(22);
    for (int i = 0; i < 20_000; i++) {
      guest.sendControl(random.nextInt(-2, 10), random.nextInt(10), random.nextInt(3));
    }
    assertTrue(machine.device.statistics().controlPending() < 64);
    guest.boot();
    guest.waiting();
    machine.introduce(nr);
    assertWorks();
  }

  @Test
  void c22_portReady0WithoutEnd_isHarmless() throws Exception {
    for (int i = 0; i < 1000; i++) {
      guest.sendControl(nr, Control.PORT_READY, 0);
    }
    assertFalse(machine.status(nr).guestReady());
    guest.sendControl(nr, Control.PORT_READY, 1);
    assertWorks();
  }

  @Test
  void c26_portReadyRepeatedInTheMiddleOfABuffer_writesNoByteTwice() throws Exception {
    byte[] bytes = Guest.bytes(1 << 20, 1);
    try (Host host = machine.connect("a")) {
      guest.write(nr, bytes);
      machine.idle();

      guest.sendControl(nr, Control.PORT_READY, 1);

      assertArrayEquals(bytes, host.read(bytes.length));
      guest.awaitSent(nr, 1);
    }
  }

  @Test
  void c26_portReady0InTheMiddleOfABuffer_dropsItsRest() throws Exception {
    byte[] bytes = Guest.bytes(1 << 20, 1);
    try (Host host = machine.connect("a")) {
      guest.write(nr, bytes);
      machine.idle();
      int taken = (int) machine.numbers(nr).bytesFromGuest();

      guest.sendControl(nr, Control.PORT_READY, 0);
      guest.awaitSent(nr, 1);
      guest.sendControl(nr, Control.PORT_READY, 1);
      guest.write(nr, "new".getBytes());

      assertArrayEquals(java.util.Arrays.copyOf(bytes, taken), host.read(taken));
      assertEquals("new", host.readText(3));
      assertEquals(bytes.length - taken, machine.numbers(nr).fromGuest().bytesDropped());
    }
  }

  @Test
  void c23_openRepeated_isOneEvent() throws Exception {
    for (int i = 0; i < 100; i++) {
      guest.open(nr);
    }
    machine.idle();

    assertEquals(1, machine.events.all().stream().filter("guest opened a"::equals).count());
    assertWorks();
  }

  @Test
  void c23_libkrun_secondOpenIsHarmless() throws Exception {
    guest.open(nr);
    guest.open(nr);

    assertWorks();
  }

  @Test
  void c23_openAndClose100000Times_leavesTheLastState() throws Exception {
    for (int i = 0; i < 100_000; i++) {
      guest.open(nr);
      guest.close(nr);
    }
    assertFalse(machine.status(nr).guestOpen());
    assertWorks();
  }

  @Test
  void c23_stormOfOpensWithASlowListener_isHeldBackAndBounded() throws Exception {
    CountDownLatch slow = new CountDownLatch(1);
    AtomicInteger told = new AtomicInteger();
    machine.device.addListener(
        new PortListener() {
          @Override
          public void guestOpened(PortInfo port) {
            awaitUnchecked(slow);
            told.incrementAndGet();
          }
        });
    VirtqueueDriver control = guest.queue(Guest.CONTROL_OUT);
    Buffer open = message(Control.encode(nr, Control.PORT_OPEN, 1));
    Buffer close = message(Control.encode(nr, Control.PORT_OPEN, 0));
    int sent = 0;
    // As a vCPU that does not wait: 2048 messages while no listener handles events.
    for (int i = 0; i < 1024 && control.freeDescriptors() >= 2; i++) {
      guest.driver().send(Guest.CONTROL_OUT, open);
      guest.driver().send(Guest.CONTROL_OUT, close);
      guest.driver().notifyQueue(Guest.CONTROL_OUT);
      sent++;
      control.collect();
    }
    assertTrue(sent < 1024, "the guest was never held back");

    slow.countDown();
    machine.idle();

    int all = sent;
    Await.until(machine.loop, "all events delivered", () -> told.get() == all);
    control.collect();
    assertWorks();
  }

  @Test
  void c23_openDuringUnplug_isIgnored() throws Exception {
    machine.device.removePort(nr);

    guest.open(nr);
    guest.sendControl(nr, Control.PORT_READY, 1);

    machine.idle();
    assertEquals(Control.remove(nr), guest.waiting().getFirst());
  }

  @Test
  void crosvm_dataForAGuestThatHasNotOpenedThePort_isNotDelivered() throws Exception {
    try (Host host = machine.connect("a")) {
      host.write("x");
      machine.idle();

      assertEquals(0, guest.queue(Guest.in(nr)).usedIndex());
    }
  }

  @Test
  void hvisorTool121_consoleAfterReattach_stillWorks() throws Exception {
    machine.addUnix(PortConfig.forConsole().withName("con"), "con");
    machine.introduce(0);
    guest.open(0);
    for (int i = 0; i < 5; i++) {
      try (Host host = machine.connect("con")) {
        guest.write(0, "tick".getBytes());
        assertEquals("tick", host.readText(4));
        host.write("tock");
        assertEquals("tock", new String(guest.read(0, 4)));
      }
      machine.events.await("host disconnected con");
    }
  }

  @Test
  void acrn3189_writeWithoutClient_doesNotHinderTheNextOne() throws Exception {
    guest.write(nr, "nobody there".getBytes());
    machine.idle();

    try (Host host = machine.connect("a")) {
      assertEquals("nobody there", host.readText(12));
    }
  }

  @Test
  void lima2064_agentChannel_survivesManyGuestRestarts() throws Exception {
    for (int i = 0; i < 25; i++) {
      guest.boot();
      machine.introduce(nr);
      assertWorks();
      guest.close(nr);
    }
  }

  @Test
  void notificationsOfAnything_areHarmless() throws Exception {
    for (int queue = 0; queue < 18; queue++) {
      guest.driver().notifyQueue(queue);
    }
    assertWorks();
  }
}
