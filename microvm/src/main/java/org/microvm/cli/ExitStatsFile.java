package org.microvm.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import org.microvm.machine.MachineStatistics;

/** Writes a machine's statistics as JSON: instants in microseconds since 1970, addresses in hex. */
final class ExitStatsFile {
  private ExitStatsFile() {}

  static void write(Path file, MachineStatistics statistics) throws IOException {
    ObjectMapper json = new ObjectMapper();
    Files.writeString(
        file, json.writerWithDefaultPrettyPrinter().writeValueAsString(json(statistics)) + "\n");
  }

  /** The same for other uses. */
  static ObjectNode json(MachineStatistics statistics) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    statistics
        .firstGuestInstruction()
        .ifPresent(at -> root.put("firstGuestInstructionMicros", micros(at)));
    statistics.firstConsoleByte().ifPresent(at -> root.put("firstConsoleByteMicros", micros(at)));
    root.put("consoleBytesDropped", statistics.consoleBytesDropped());
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
    }
    return root;
  }

  private static void putAddresses(ObjectNode node, Map<Long, Long> counts) {
    counts.forEach((address, count) -> node.put("0x" + Long.toHexString(address), count));
  }

  private static long micros(Instant at) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, at);
  }
}
