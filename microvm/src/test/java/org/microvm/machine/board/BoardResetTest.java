package org.microvm.machine.board;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.devices.legacy.I8042;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.virtio.blk.BlkDevice;
import org.microvm.linux.EventFd;
import org.microvm.linux.EventLoop;
import org.microvm.linux.GuestRam;
import org.microvm.linux.Mapping;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.SerialDevice;

/** After a reset of the guest, every device is as at power-on. */
@Timeout(60)
class BoardResetTest {
  private static final int UART = 0x3f8;
  private static final int KEYBOARD = 0x60;
  private static final int CLOCK = 0x70;
  private static final int ACPI = 0x600;
  private static final int RESET = 0xcf9;

  private static final int STATUS = 0x70;
  private static final int FEATURES_SEL = 0x14;
  private static final int DRIVER_FEATURES_SEL = 0x24;
  private static final int DRIVER_FEATURES = 0x20;
  private static final int QUEUE_SEL = 0x30;
  private static final int QUEUE_SIZE = 0x38;
  private static final int QUEUE_READY = 0x44;
  private static final int QUEUE_NOTIFY = 0x50;
  private static final int QUEUE_DESC = 0x80;
  private static final int QUEUE_DRIVER = 0x90;
  private static final int QUEUE_DEVICE = 0xa0;
  private static final int DRIVER_OK = 0xf;

  @TempDir private Path directory;

  private Parts fresh;
  private Parts used;

  /** A board with a device of each kind, and what it needs. */
  private static final class Parts {
    final EventLoop loop = EventLoop.open("board");
    final GuestRam ram = GuestRam.allocate(4 << 20);
    final Mapping registers = Mapping.anonymous(Board.REGISTER_BYTES);
    final Board board;
    final SerialDevice serial;
    final AutoCloseable entropy;
    final BlkDevice disk;

    Parts(Path image) throws IOException {
      PowerSwitch events = new PowerSwitch();
      events.connect((MachineEnd end) -> {});
      board = new Board(ram, loop, new NoOutput(), events, registers);
      VirtioDevices devices = new VirtioDevices(board, new WritableDisks(false));
      disk = devices.disk(new DiskConfig(image, false));
      serial = new SerialDevice(loop, SerialConfig.defaults());
      board.plug(serial);
      entropy = devices.entropy();
    }

    byte[] state() throws IOException {
      StateWriter writer = new StateWriter();
      board.save(writer);
      return writer.toByteArray();
    }

    byte[] pages() {
      return registers.segment().toArray(ValueLayout.JAVA_BYTE);
    }

    void out(int port, int value) {
      board.ports().write(port, 1, value);
    }

    int in(int port) {
      return (int) board.ports().read(port, 1);
    }

    void close() throws Exception {
      loop.close();
      disk.close();
      serial.close();
      entropy.close();
      board.close();
      registers.close();
      ram.close();
    }
  }

  @BeforeEach
  void makeBoards() throws Exception {
    fresh = new Parts(Files.write(directory.resolve("fresh.img"), new byte[1024]));
    used = new Parts(Files.write(directory.resolve("used.img"), new byte[1024]));
  }

  @AfterEach
  void close() throws Exception {
    fresh.close();
    used.close();
  }

  @ParameterizedTest
  @CsvSource({
    "0x3f9, 0x0f", // UART: interrupt enable
    "0x3fa, 0xc1", // FIFO control
    "0x3fb, 0x83", // line control, with DLAB
    "0x3fc, 0x1f", // modem control, with loopback
    "0x3ff, 0x5a", // scratch
    "0x64, 0x60", // i8042: a command that waits for its operand
    "0x64, 0xaa", // a command with an answer
    "0x70, 0x0a", // clock: index
    "0x600, 1", // ACPI: tables loaded
    "0xcf9, 0x0a" // kind of reset
  })
  void register_isAsAtPowerOn(String port, String value) throws Exception {
    used.out(Integer.decode(port), Integer.decode(value));
    assertFalse(Arrays.equals(fresh.state(), used.state()), "the write changes something");

    assertTrue(used.board.reset());

    assertArrayEquals(fresh.state(), used.state());
  }

  @ParameterizedTest
  @CsvSource({"10, 0x2f", "11, 0x72"})
  void clockRegister_isAsAtPowerOn(String index, String value) throws Exception {
    used.out(CLOCK, Integer.decode(index));
    used.out(CLOCK + 1, Integer.decode(value));
    assertFalse(Arrays.equals(fresh.state(), used.state()), "the write changes something");

    used.board.reset();

    assertArrayEquals(fresh.state(), used.state());
  }

  @Test
  void memoryOfTheClock_isKeptByItsBattery() throws Exception {
    used.out(CLOCK, 0x40);
    used.out(CLOCK + 1, 0x99);

    used.board.reset();

    used.out(CLOCK, 0x40);
    assertEquals(0x99, used.in(CLOCK + 1));
  }

  @Test
  void uart_divisorReceivedBytesAndModemChanges_areAsAtPowerOn() throws Exception {
    used.out(UART + 3, 0x80);
    used.out(UART, 0x01);
    used.out(UART + 1, 0x02);
    used.out(UART + 3, 0x03);
    used.out(UART + 2, 0x01);
    used.out(UART + 1, 0x01);
    for (int i = 0; i < 16; i++) {
      assertTrue(used.board.uart().receive((byte) i));
    }
    used.out(UART + 4, 0x1f);
    used.out(UART, 0x55);

    used.board.reset();

    assertArrayEquals(fresh.state(), used.state());
    for (int register = 0; register < 8; register++) {
      assertEquals(fresh.in(UART + register), used.in(UART + register), "register " + register);
    }
  }

  @Test
  void uart_byteThatWasRefused_isOfferedAgainOnceTheGuestListens() throws Exception {
    AtomicInteger room = new AtomicInteger();
    used.board.uart().onRoom(room::incrementAndGet);
    used.out(UART + 1, 0x01);
    assertTrue(used.board.uart().receive((byte) 1));
    assertFalse(used.board.uart().receive((byte) 2));

    used.board.reset();
    assertEquals(0, room.get());
    used.out(UART + 1, 0x01);

    assertEquals(1, room.get());
    assertTrue(used.board.uart().receive((byte) 2));
  }

  @Test
  void keyboardController_configuration_isAsAtPowerOn() throws Exception {
    used.out(KEYBOARD + 4, 0x60);
    used.out(KEYBOARD, 0x47);

    used.board.reset();

    assertArrayEquals(fresh.state(), used.state());
  }

  @Test
  void powerButtonThatWasPressed_isForgotten() throws Exception {
    used.out(ACPI, 1);
    assertTrue(used.board.acpi().pressPowerButton());

    used.board.reset();

    assertArrayEquals(fresh.state(), used.state());
    assertEquals(0, used.in(ACPI));
  }

  @Test
  void interruptThatNoVmHasTaken_isForgotten() throws Exception {
    used.out(UART + 1, 0x01);
    used.board.uart().receive((byte) 1);

    used.board.reset();

    for (Board.InterruptSource source : used.board.interrupts()) {
      assertEquals(0, source.event().drain(), "GSI " + source.gsi());
    }
  }

  @Test
  void virtioDevices_andTheirRegisterPages_areAsAtPowerOn() throws Exception {
    byte[] pages = used.pages();
    for (VirtioSlot slot : used.board.slots()) {
      setUp(slot);
    }
    assertFalse(Arrays.equals(pages, used.pages()), "the registers show the driver's set-up");

    used.board.reset();

    assertArrayEquals(fresh.state(), used.state());
    assertArrayEquals(fresh.pages(), used.pages());
    assertArrayEquals(pages, used.pages());
  }

  @Test
  void everyPort_writtenWithEveryByte_isAsAtPowerOn() throws Exception {
    for (int value = 0; value < 256; value++) {
      for (int port = UART; port < UART + 8; port++) {
        used.out(port, value);
      }
      for (int port = KEYBOARD; port < KEYBOARD + 5; port++) {
        used.out(port, value);
      }
      used.out(RESET, value);
      used.out(0xf4, value);
      used.out(0x505, value & ~3);
      used.out(ACPI, value);
    }

    used.board.reset();

    assertArrayEquals(fresh.state(), used.state());
  }

  @Test
  void resetControlRegister_isSavedAndRestored() throws Exception {
    used.out(RESET, 0x0a);

    fresh.board.restore(StateReader.of(used.state()));

    assertEquals(0x0a, fresh.in(RESET));
  }

  @Test
  void stateOfAClockWithoutInterrupt_leavesItToTheDeviceThatHadIt() throws Exception {
    byte[] memory = new byte[128];
    memory[13] = (byte) 0x80;
    StateWriter old = new StateWriter();
    used.board.uart().save(old.section("uart", 1, SectionPolicy.REQUIRED));
    new I8042(new PowerSwitch()).save(old.section("i8042", 1, SectionPolicy.REQUIRED));
    old.section("cmos", 1, SectionPolicy.REQUIRED).putBytes(memory).putByte(0);
    for (int i = 0; i < used.board.slots().size(); i++) {
      used.board.slots().get(i).transport().save(old, "virtio." + i);
    }
    EventFd clock = used.board.interrupts().get(2).event();

    used.board.restore(StateReader.of(old.toByteArray()));

    try (EventFd own = EventFd.open()) {
      used.board.interruptOf(3, own).raise();
      assertEquals(1, clock.drain());
      assertEquals(0, own.drain());
      used.board.reset();
      used.board.interruptOf(3, own).raise();
      used.board.interruptOf(2, own).raise();
      assertEquals(0, clock.drain());
      assertEquals(2, own.drain());
    }
  }

  @Test
  void everyDevice_hasItsOwnInterrupt() throws Exception {
    List<AutoCloseable> more = new ArrayList<>();
    while (used.board.slots().size() < VirtioSlot.COUNT) {
      more.add(new VirtioDevices(used.board, new WritableDisks(false)).entropy());
    }

    List<Integer> all = used.board.interrupts().stream().map(source -> source.gsi()).toList();

    assertEquals(VirtioSlot.COUNT + 3, Set.copyOf(all).size(), all::toString);
    assertEquals(23, all.stream().max(Integer::compare).orElseThrow());
    assertTrue(all.contains(8));
    assertEquals(List.of(5, 6, 7, 23, 9), all.subList(3, 8));
    for (AutoCloseable source : more) {
      source.close();
    }
  }

  /** Sets up a device as a driver does, with a queue, and leaves the selectors changed. */
  private void setUp(VirtioSlot slot) {
    write(slot, STATUS, 3);
    write(slot, FEATURES_SEL, 1);
    write(slot, DRIVER_FEATURES_SEL, 1);
    write(slot, DRIVER_FEATURES, 1); // VIRTIO_F_VERSION_1
    write(slot, STATUS, 0xb);
    for (int queue = 0; queue < 2; queue++) {
      write(slot, QUEUE_SEL, queue);
      write(slot, QUEUE_SIZE, 8);
      write(slot, QUEUE_DESC, 0x1000);
      write(slot, QUEUE_DRIVER, 0x2000);
      write(slot, QUEUE_DEVICE, 0x3000);
      write(slot, QUEUE_READY, 1);
    }
    write(slot, STATUS, DRIVER_OK);
    write(slot, QUEUE_NOTIFY, 0);
  }

  private void write(VirtioSlot slot, int register, int value) {
    used.board.mmio().write(slot.address() + register, Integer.BYTES, value);
  }
}
