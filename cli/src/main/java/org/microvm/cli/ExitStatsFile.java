package org.microvm.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import org.microvm.devices.virtio.TransportStatistics;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.qmp.JsonText;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.PortStatus;

/** Writes a machine's statistics as JSON: instants in microseconds since 1970, addresses in hex. */
final class ExitStatsFile {
  private ExitStatsFile() {}

  static void write(Path file, MachineStatistics statistics) throws IOException {
    Files.writeString(file, JsonText.pretty(json(statistics)) + "\n");
  }

  /** Returns the statistics as a JSON object. */
  static ObjectNode json(MachineStatistics statistics) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("takenMicros", micros(Instant.now()));
    statistics
        .firstGuestInstruction()
        .ifPresent(at -> root.put("firstGuestInstructionMicros", micros(at)));
    statistics.firstConsoleByte().ifPresent(at -> root.put("firstConsoleByteMicros", micros(at)));
    root.put("consoleBytesDropped", statistics.consoleBytesDropped());
    statistics.end().ifPresent(end -> putEnd(root.putObject("end"), end));
    root.put("resets", statistics.resets());
    var vcpus = root.putArray("vcpus");
    for (MachineStatistics.Vcpu vcpu : statistics.vcpus()) {
      ObjectNode node = vcpus.addObject();
      node.put("exits", vcpu.exits());
      vcpu.exitsByReason().forEach(node.putObject("exitsByReason")::put);
      putAddresses(node.putObject("exitsByPort"), vcpu.exitsByPort());
      putAddresses(node.putObject("exitsByMmioAddress"), vcpu.exitsByMmioAddress());
      vcpu.finishedInstructions().forEach(node.putObject("finishedInstructions")::put);
      node.put("kicks", vcpu.kicks());
      node.put("guestNanos", vcpu.guestNanos());
      node.put("hostNanos", vcpu.hostNanos());
      vcpu.kvm().forEach(node.putObject("kvm")::put);
    }
    putDevices(root.putArray("devices"), statistics.devices());
    putPorts(root.putArray("ports"), statistics.ports());
    statistics.kvm().forEach(root.putObject("kvm")::put);
    return root;
  }

  private static void putEnd(ObjectNode node, MachineEnd end) {
    switch (end) {
      case MachineEnd.PowerOff() -> node.put("how", "power-off");
      case MachineEnd.Reset(String how) -> node.put("how", "reset").put("by", how);
      case MachineEnd.DebugExit(int status) ->
          node.put("how", "debug-exit").put("status", status & 0xff);
      case MachineEnd.Panicked(String message, String how) ->
          node.put("how", "panic").put("by", how).put("message", message);
      case MachineEnd.TripleFault(String report) ->
          node.put("how", "triple-fault").put("message", report);
      case MachineEnd.Halted(String report) -> node.put("how", "halt").put("message", report);
      case MachineEnd.ResetLoop(int resets, String last) ->
          node.put("how", "reset-loop").put("resets", resets).put("by", last);
      case MachineEnd.Migrated() -> node.put("how", "migrated");
      case MachineEnd.Stopped() -> node.put("how", "stopped");
      case MachineEnd.Failed(String report) -> node.put("how", "failed").put("message", report);
    }
  }

  private static void putDevices(ArrayNode list, List<MachineStatistics.Device> devices) {
    for (MachineStatistics.Device device : devices) {
      TransportStatistics numbers = device.transport();
      list.addObject()
          .put("address", "0x" + Long.toHexString(device.address()))
          .put("gsi", device.gsi())
          .put("deviceId", device.deviceId())
          .put("mappedRegisters", device.mappedRegisters())
          .put("notifications", numbers.notifications())
          .put("notificationWakeUps", numbers.notificationWakeUps())
          .put("spuriousWakeUps", numbers.spuriousWakeUps())
          .put("interrupts", numbers.interrupts())
          .put("repeatedInterrupts", numbers.repeatedInterrupts())
          .put("acknowledgements", numbers.acknowledgements())
          .put("ignoredAccesses", numbers.ignoredAccesses());
    }
  }

  private static void putPorts(ArrayNode list, List<PortStatus> ports) {
    for (PortStatus port : ports) {
      PortStatistics numbers = port.statistics();
      ObjectNode node = list.addObject().put("nr", port.port().nr());
      port.port().name().ifPresent(name -> node.put("name", name));
      node.put("bytesFromGuest", numbers.bytesFromGuest())
          .put("chainsFromGuest", numbers.chainsFromGuest())
          .put("bytesToGuest", numbers.bytesToGuest())
          .put("chainsToGuest", numbers.chainsToGuest())
          .put("bytesDropped", numbers.bytesDropped())
          .put("bytesCopied", numbers.bytesCopied())
          .put("hostStalls", numbers.hostStalls())
          .put("guestStalls", numbers.guestStalls());
    }
  }

  private static void putAddresses(ObjectNode node, Map<Long, Long> counts) {
    counts.forEach((address, count) -> node.put("0x" + Long.toHexString(address), count));
  }

  private static long micros(Instant at) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, at);
  }
}
