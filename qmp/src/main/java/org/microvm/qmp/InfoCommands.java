package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.microvm.devices.virtio.blk.BlkStatistics;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.Topology;

/** The commands that describe what the machine consists of: vCPUs, memory and disks. */
final class InfoCommands {
  /** The type of the machine, as QEMU names its own machine of this kind. */
  static final String MACHINE = "microvm";

  /** The type of a vCPU in QEMU's object model. */
  static final String CPU_TYPE = "host-x86_64-cpu";

  /** The id of the guest's memory. */
  static final String RAM = "microvm.ram";

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final long SECTOR = 512;

  private final QmpTarget target;

  InfoCommands(QmpTarget target) {
    this.target = target;
  }

  void addTo(QmpCommands commands) {
    commands.add("query-block", this::queryBlock);
    commands.add("query-blockstats", this::queryBlockStatistics);
    commands.add("query-cpu-definitions", InfoCommands::queryCpuDefinitions);
    commands.add("query-cpus-fast", this::queryCpus);
    commands.add("query-machines", InfoCommands::queryMachines);
    commands.add("query-memdev", this::queryMemory);
    commands.add("query-memory-size-summary", this::queryMemorySize);
    commands.add("query-named-block-nodes", this::queryBlockNodes);
    commands.add("query-vm-generation-id", this::queryGeneration);
  }

  private JsonNode queryGeneration(QmpArguments arguments) throws QmpException {
    arguments.finish();
    UUID generation =
        target
            .generation()
            .orElseThrow(() -> QmpException.generic("VM Generation ID device not found"));
    return JsonNodeFactory.instance.objectNode().put("guid", generation.toString());
  }

  private JsonNode queryCpus(QmpArguments arguments) throws QmpException {
    arguments.finish();
    Topology topology = target.facts().topology();
    List<Integer> threads = target.vcpuThreads();
    ArrayNode result = NODES.arrayNode();
    for (int i = 0; i < topology.cpus(); i++) {
      ObjectNode cpu = result.addObject().put("thread-id", threads.get(i));
      cpu.putObject("props")
          .put("core-id", i / topology.threads() % topology.cores())
          .put("thread-id", i % topology.threads())
          .put("socket-id", i / topology.cpusPerSocket());
      cpu.put("qom-path", cpuPath(i)).put("cpu-index", i).put("target", "x86_64");
    }
    return result;
  }

  /** Returns the path of a vCPU in the object tree. */
  static String cpuPath(int index) {
    return "/machine/unattached/device[" + index + "]";
  }

  private static JsonNode queryCpuDefinitions(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    ObjectNode host = result.addObject().put("name", "host").put("typename", CPU_TYPE);
    host.putArray("unavailable-features");
    host.put("static", false).put("migration-safe", false).put("deprecated", false);
    return result;
  }

  private static JsonNode queryMachines(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    result
        .addObject()
        .put("name", MACHINE)
        .put("is-default", true)
        .put("cpu-max", Topology.APIC_ID_MAX + 1)
        .put("hotpluggable-cpus", false)
        .put("numa-mem-supported", false)
        .put("deprecated", false)
        .put("default-cpu-type", CPU_TYPE)
        .put("default-ram-id", RAM);
    return result;
  }

  private JsonNode queryMemory(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    ObjectNode memory = result.addObject().put("id", RAM);
    memory.put("size", target.facts().memoryBytes()).put("merge", false).put("dump", true);
    memory.put("prealloc", false).put("share", true).put("reserve", true);
    memory.putArray("host-nodes");
    memory.put("policy", "default");
    return result;
  }

  private JsonNode queryMemorySize(QmpArguments arguments) throws QmpException {
    arguments.finish();
    return NODES
        .objectNode()
        .put("base-memory", target.facts().memoryBytes())
        .put("plugged-memory", 0);
  }

  private JsonNode queryBlock(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    List<DiskConfig> disks = target.facts().disks();
    for (int i = 0; i < disks.size(); i++) {
      ObjectNode disk = result.addObject().put("io-status", "ok").put("device", diskName(i));
      disk.put("locked", false).put("removable", false);
      disk.set("inserted", blockNode(i, disks.get(i)));
      disk.put("type", "unknown");
    }
    return result;
  }

  private JsonNode queryBlockStatistics(QmpArguments arguments) throws QmpException {
    arguments.optionalFlag("query-nodes");
    arguments.finish();
    List<BlkStatistics> disks = target.diskStatistics();
    ArrayNode result = NODES.arrayNode();
    for (int i = 0; i < target.facts().disks().size(); i++) {
      ObjectNode disk = result.addObject().put("device", diskName(i));
      disk.put("node-name", diskName(i));
      if (i < disks.size()) {
        statistics(disk.putObject("stats"), disks.get(i));
      }
    }
    return result;
  }

  /** Writes the members of QEMU's BlockDeviceStats. */
  private static void statistics(ObjectNode node, BlkStatistics disk) {
    operations(node, "rd", disk.reads());
    operations(node, "wr", disk.writes());
    operations(node, "flush", disk.flushes());
    operations(node, "unmap", disk.discards());
    node.remove("flush_bytes");
    node.put("wr_highest_offset", disk.highestOffset());
    node.put("account_invalid", false).put("account_failed", false);
    node.putArray("timed_stats");
  }

  private static void operations(ObjectNode node, String kind, BlkStatistics.Operations done) {
    node.put(kind + "_bytes", done.bytes());
    node.put(kind + "_operations", done.count());
    node.put(kind + "_total_time_ns", done.nanos());
    node.put("failed_" + kind + "_operations", done.failed());
    // The guest's invalid requests are not counted, and none is merged with another one.
    node.put("invalid_" + kind + "_operations", 0);
    if (!kind.equals("flush")) {
      node.put(kind + "_merged", 0);
    }
  }

  /** Returns the name that Linux gives a disk. */
  static String diskName(int index) {
    return "vd" + (char) ('a' + index);
  }

  private JsonNode queryBlockNodes(QmpArguments arguments) throws QmpException {
    arguments.optionalFlag("flat");
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    List<DiskConfig> disks = target.facts().disks();
    for (int i = 0; i < disks.size(); i++) {
      result.add(blockNode(i, disks.get(i)));
    }
    return result;
  }

  private static ObjectNode blockNode(int index, DiskConfig disk) {
    String file = disk.file().toString();
    ObjectNode node = NODES.objectNode().put("node-name", diskName(index)).put("drv", "raw");
    node.put("file", file).put("ro", disk.readOnly()).put("encrypted", false);
    node.putObject("cache").put("writeback", true).put("direct", false).put("no-flush", false);
    node.put("detect_zeroes", "off").put("backing_file_depth", 0).put("write_threshold", 0);
    for (String limit : List.of("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr")) {
      node.put(limit, 0);
    }
    ObjectNode image = node.putObject("image").put("filename", file).put("format", "raw");
    image.put("virtual-size", size(disk.file()) / SECTOR * SECTOR).put("dirty-flag", false);
    return node;
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException gone) {
      return 0;
    }
  }
}
