package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.virtio.MmioRegister;
import org.microvm.devices.virtio.VirtioFeatures;
import org.microvm.virtioserial.backend.ConsoleSize;

/** Virtio 1.3, sections 5.3.1 to 5.3.5: id, queues, features, configuration, emergency write. */
@DisplayName("5.3.1 to 5.3.5 Console Device: identity, queues, configuration")
class ConfigConformanceTest {
  private static final int COLUMNS = 0;
  private static final int ROWS = 2;
  private static final int MAX_PORTS = 4;
  private static final int EMERGENCY = 8;

  @TempDir Path directory;

  @Test
  void s531_deviceId_isThree() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      assertEquals(3, machine.guest.driver().read(0x008));
    }
  }

  @Test
  void c1_queues_areTwoAPortAndTwoForControl() throws Exception {
    try (SerialMachine machine = withPorts(3)) {
      assertEquals(64, machine.guest.driver().queueSizeMax(7));
      assertEquals(0, machine.guest.driver().queueSizeMax(8));
    }
  }

  @Test
  void c1_queuesOfPorts_lieAroundTheControlQueues() {
    assertEquals(0, QueueLayout.receiveQueue(0));
    assertEquals(4, QueueLayout.receiveQueue(1));
    assertEquals(6, QueueLayout.receiveQueue(2));
    assertEquals(1, QueueLayout.port(5));
    assertEquals(510, QueueLayout.port(1023));
  }

  @Test
  void c1_withoutMultiport_onlyPort0Works() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      machine.addUnix(PortConfig.forConsole().withName("con"), "con");
      machine.addUnix("generic");
      machine.guest.probe(VirtioFeatures.VERSION_1);
      machine.guest.addBuffers(Guest.in(0), 4, Guest.PAGE);
      machine.guest.addBuffers(Guest.in(1), 4, Guest.PAGE);
      try (Host con = machine.connect("con");
          Host generic = machine.connect("generic")) {
        generic.write("to nobody");
        con.write("hello");

        assertEquals("hello", new String(machine.guest.read(0, 5)));
        machine.idle();
        assertEquals(0, machine.guest.queue(Guest.in(1)).usedIndex());
      }
    }
  }

  @Test
  void c1_withoutMultiport_controlQueuesAreNotTouched() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      machine.addUnix("generic");
      machine.guest.probe(VirtioFeatures.VERSION_1);
      machine.guest.addBuffers(Guest.CONTROL_IN, 4, Guest.PAGE);
      long address = machine.guest.ram().store(Control.encode(-1, Control.DEVICE_READY, 1));

      machine.guest.driver().send(Guest.CONTROL_OUT, Buffer.readable(address, 8));
      machine.idle();

      assertEquals(0, machine.guest.queue(Guest.CONTROL_IN).usedIndex());
      assertEquals(0, machine.guest.queue(Guest.CONTROL_OUT).usedIndex());
      assertEquals(0, machine.device.statistics().controlReceived());
    }
  }

  @Test
  void s533_featuresOffered_followTheConfiguration() throws Exception {
    SerialConfig config = SerialConfig.defaults();
    try (SerialMachine plain = new SerialMachine(directory);
        SerialMachine unsized = new SerialMachine(directory, config.withoutConsoleSize());
        SerialMachine silent = new SerialMachine(directory, config.withEmergencyWrite(false))) {
      assertEquals(0b111, plain.guest.driver().offeredFeatures() & 0b111);
      assertEquals(0b110, unsized.guest.driver().offeredFeatures() & 0b111);
      assertEquals(0b011, silent.guest.driver().offeredFeatures() & 0b111);
    }
  }

  @Test
  void s534_configuration_isReadableBeforeFeaturesAreAgreedOn() throws Exception {
    SerialConfig config =
        SerialConfig.defaults().withConsoleSize(new ConsoleSize(132, 43)).withMaxPorts(17);
    try (SerialMachine machine = new SerialMachine(directory, config)) {
      assertEquals(132, machine.guest.driver().config(COLUMNS, 2));
      assertEquals(43, machine.guest.driver().config(ROWS, 2));
      assertEquals(17, machine.guest.driver().config(MAX_PORTS, 4));
      assertEquals(0, machine.guest.driver().config(12, 4));
    }
  }

  @Test
  void c9_resizeOfPort0_changesTheConfigurationAndNotifies() throws Exception {
    SerialConfig config = SerialConfig.defaults().withConsoleSize(new ConsoleSize(80, 25));
    try (SerialMachine machine = new SerialMachine(directory, config)) {
      machine.addUnix(PortConfig.forConsole(), "con");
      machine.guest.boot();
      machine.guest.driver().acknowledge();

      machine.device.resize(0, new ConsoleSize(100, 50));

      assertEquals(100, machine.guest.driver().config(COLUMNS, 2));
      assertEquals(50, machine.guest.driver().config(ROWS, 2));
      assertEquals(0b10, machine.guest.driver().acknowledge() & 0b10);
    }
  }

  @Test
  void c9_resizeWhileTheDriverStarts_changesTheGeneration() throws Exception {
    SerialConfig config = SerialConfig.defaults().withConsoleSize(new ConsoleSize(80, 25));
    try (SerialMachine machine = new SerialMachine(directory, config)) {
      machine.addUnix(PortConfig.forConsole(), "con");
      var driver = machine.guest.driver();
      driver.negotiate(driver.offeredFeatures()); // the driver reads the size before DRIVER_OK
      int before = driver.read(MmioRegister.CONFIG_GENERATION);

      machine.device.resize(0, new ConsoleSize(100, 50));

      assertNotEquals(before, driver.read(MmioRegister.CONFIG_GENERATION));
    }
  }

  @Test
  void c9_resizeOfAnotherConsole_leavesTheConfigurationAlone() throws Exception {
    SerialConfig config = SerialConfig.defaults().withConsoleSize(new ConsoleSize(80, 25));
    try (SerialMachine machine = new SerialMachine(directory, config)) {
      machine.addUnix(PortConfig.forConsole(), "con");
      machine.addUnix(PortConfig.forConsole(), "con2");

      machine.device.resize(1, new ConsoleSize(100, 50));

      assertEquals(80, machine.guest.driver().config(COLUMNS, 2));
    }
  }

  @Test
  void c2_emergencyWrite_worksBeforeTheDeviceIsConfigured() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      machine.addUnix(PortConfig.forConsole().withName("con"), "con");
      try (Host host = machine.connect("con")) {
        machine.guest.driver().writeConfig(EMERGENCY, 4, 'A');

        assertEquals("A", host.readText(1));
      }
    }
  }

  @Test
  void c3_emergencyWrite_onlyItsLowByteCounts() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      machine.addUnix(PortConfig.forConsole().withName("con"), "con");
      try (Host host = machine.connect("con")) {
        machine.guest.driver().writeConfig(EMERGENCY, 4, 0x1234_5600 | 'B');

        assertEquals("B", host.readText(1));
      }
    }
  }

  @Test
  void c3_emergencyWrite_staysInOrderWithWhatTheConsoleWasHolding() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      int nr = machine.addUnix(PortConfig.forConsole().withName("con"), "con");
      machine.guest.boot();
      machine.introduce(nr);
      machine.guest.write(nr, "first ".getBytes());
      machine.guest.awaitSent(nr, 1);

      machine.guest.driver().writeConfig(EMERGENCY, 1, '!');

      try (Host host = machine.connect("con")) {
        assertEquals("first !", host.readText(7));
      }
    }
  }

  @Test
  void c3_emergencyWrite_withoutConsoleIsCountedAndBounded() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      for (int i = 0; i < 100_000; i++) {
        machine.guest.driver().writeConfig(EMERGENCY, 4, 'x');
      }
      assertEquals(100_000, machine.device.statistics().emergencyBytes());
    }
  }

  @Test
  void c2_emergencyWrite_notOfferedIsIgnored() throws Exception {
    SerialConfig config = SerialConfig.defaults().withEmergencyWrite(false);
    try (SerialMachine machine = new SerialMachine(directory, config)) {
      machine.guest.driver().writeConfig(EMERGENCY, 4, 'x');

      assertEquals(0, machine.device.statistics().emergencyBytes());
    }
  }

  @Test
  void writeConfig_ofReadOnlyFieldsChangesNothing() throws Exception {
    try (SerialMachine machine = withPorts(5)) {
      machine.guest.driver().writeConfig(MAX_PORTS, 4, 4711);
      machine.guest.driver().writeConfig(COLUMNS, 2, 4711);

      assertEquals(5, machine.guest.driver().config(MAX_PORTS, 4));
      assertEquals(0, machine.guest.driver().config(COLUMNS, 2));
    }
  }

  @Test
  void maxPorts_outOfRangeIsRefusedWithTheRange() {
    SerialConfig config = SerialConfig.defaults();

    var none = assertThrows(IllegalArgumentException.class, () -> config.withMaxPorts(0));
    var many = assertThrows(IllegalArgumentException.class, () -> config.withMaxPorts(512));

    assertEquals("max_ports=0: a serial device has from 1 to 511 ports", none.getMessage());
    assertEquals("max_ports=512: a serial device has from 1 to 511 ports", many.getMessage());
  }

  @Test
  void maxPorts_of511GivesAllQueuesThatVirtioHas() throws Exception {
    try (SerialMachine machine = withPorts(511)) {
      assertEquals(1024, machine.device.queueCount());
      assertEquals(64, machine.guest.driver().queueSizeMax(1023));
    }
  }

  private SerialMachine withPorts(int ports) throws Exception {
    return new SerialMachine(directory, SerialConfig.defaults().withMaxPorts(ports));
  }
}
