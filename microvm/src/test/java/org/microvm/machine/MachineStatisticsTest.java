package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.virtio.TransportStatistics;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.SerialDevice;

/** The counters of a running guest, compared with what it did. */
@RequiresKvm
@Timeout(60)
class MachineStatisticsTest {
  private static final int MESSAGES = 200;

  @TempDir private Path directory;

  private MachineStatistics afterMessages(String words) throws Exception {
    EchoHost echo = new EchoHost(directory.resolve("channel"), words, true);
    try (echo) {
      for (int i = 0; i < MESSAGES; i++) {
        echo.roundTrip(i);
      }
    }
    return echo.statistics(); // of a closed machine
  }

  private static TransportStatistics serial(MachineStatistics statistics) {
    return statistics.devices().stream()
        .filter(device -> device.deviceId() == SerialDevice.DEVICE_ID)
        .findFirst()
        .orElseThrow()
        .transport();
  }

  @Test
  void port_countsEveryByte() throws Exception {
    PortStatistics port = afterMessages("wait=spin").ports().getFirst().statistics();

    assertEquals(MESSAGES * Long.BYTES, port.bytesToGuest());
    assertEquals(MESSAGES * Long.BYTES, port.bytesFromGuest());
  }

  @Test
  void device_halts_countsInterruptsAndAcknowledgements() throws Exception {
    TransportStatistics serial = serial(afterMessages("wait=halt"));

    assertTrue(serial.notifications() >= serial.notificationWakeUps(), serial::toString);
    assertTrue(serial.notificationWakeUps() > serial.spuriousWakeUps(), serial::toString);
    assertTrue(serial.interrupts() > 0, serial::toString);
    assertTrue(serial.acknowledgements() > 0, serial::toString);
    assertTrue(serial.acknowledgements() <= serial.interrupts(), serial::toString);
  }

  @Test
  void device_spins_raisesNoInterrupt() throws Exception {
    assertEquals(0, serial(afterMessages("wait=spin")).interrupts());
  }

  @Test
  void vcpu_countsTimeAndExits() throws Exception {
    MachineStatistics.Vcpu vcpu = afterMessages("wait=spin").vcpus().getFirst();

    assertTrue(vcpu.exitsByReason().get("IO") > 0, vcpu::toString);
    assertTrue(vcpu.exitsByPort().containsKey(0x3f8L), vcpu::toString);
    assertTrue(vcpu.exitsByReason().get("MMIO") > 0, vcpu::toString);
    assertTrue(vcpu.guestNanos() > vcpu.hostNanos(), vcpu::toString);
    assertTrue(vcpu.hostNanos() > 0, vcpu::toString);
    assertFalse(vcpu.kvm().isEmpty());
  }

  @Test
  void flightRecorder_guestWithoutBuffers_recordsStalls() throws Exception {
    Path file = directory.resolve("stalls.jfr");
    try (Recording recording = new Recording();
        EchoHost echo = new EchoHost(directory.resolve("channel"), "wait=halt buf=256", true)) {
      recording.enable("org.microvm.Stall");
      recording.start();
      // More bytes than fit into all of the guest's buffers.
      echo.pump(4 << 20);
      recording.stop();
      recording.dump(file);
    }

    assertFalse(RecordingFile.readAllEvents(file).isEmpty());
  }

  @Test
  void flightRecorder_recordsExitsKicksAndLifecycle() throws Exception {
    Path file = directory.resolve("recording.jfr");
    try (Recording recording = new Recording()) {
      for (String event : List.of("Exit", "Kick", "Lifecycle")) {
        recording.enable("org.microvm." + event).withoutThreshold();
      }
      recording.start();
      afterMessages("wait=halt");
      recording.stop();
      recording.dump(file);
    }
    Set<String> seen =
        RecordingFile.readAllEvents(file).stream()
            .map(RecordedEvent::getEventType)
            .map(type -> type.getName())
            .filter(name -> name.startsWith("org.microvm."))
            .collect(Collectors.toSet());

    assertEquals(Set.of("org.microvm.Exit", "org.microvm.Kick", "org.microvm.Lifecycle"), seen);
  }
}
