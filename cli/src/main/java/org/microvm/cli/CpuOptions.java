package org.microvm.cli;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.microvm.machine.config.Topology;
import org.microvm.virtioserial.options.NearestWord;

/**
 * Parses the option {@code --cpus}: {@code N}, or {@code [cpus=]N,sockets=S,cores=C,threads=T} as
 * QEMU's {@code -smp}. What is left out follows from the rest; if that is not enough, there is one
 * socket, and one thread in each core.
 */
final class CpuOptions {
  private static final List<String> KEYS = List.of("cpus", "sockets", "cores", "threads");

  private CpuOptions() {}

  static Topology parse(String text) {
    Map<String, Integer> given = new HashMap<>();
    for (String part : text.split(",", -1)) {
      int equals = part.indexOf('=');
      String key = equals < 0 && given.isEmpty() ? "cpus" : part.substring(0, Math.max(equals, 0));
      if (!KEYS.contains(key)) {
        throw new UsageException(
            "--cpus %s: '%s' is not N, cpus=N, sockets=N, cores=N or threads=N%s"
                .formatted(text, part, NearestWord.hint(key, KEYS)));
      }
      if (given.put(key, number(text, part.substring(equals + 1))) != null) {
        throw new UsageException("--cpus %s: '%s' is given twice".formatted(text, key));
      }
    }
    try {
      return given.keySet().equals(Set.of("cpus"))
          ? Topology.ofCores(given.get("cpus"))
          : complete(text, given);
    } catch (IllegalArgumentException e) {
      throw new UsageException("--cpus " + text + ": " + e.getMessage());
    }
  }

  private static int number(String text, String value) {
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new UsageException("--cpus %s: '%s' is not a number of vCPUs".formatted(text, value));
    }
  }

  private static Topology complete(String text, Map<String, Integer> given) {
    Integer cpus = given.get("cpus");
    Integer sockets = given.get("sockets");
    Integer cores = given.get("cores");
    int threads = given.getOrDefault("threads", 1);
    if (cores == null) {
      sockets = sockets == null ? 1 : sockets;
      cores = groups(cpus, sockets * threads);
    } else if (sockets == null) {
      sockets = groups(cpus, cores * threads);
    }
    Topology topology = new Topology(sockets, cores, threads);
    if (cpus != null && topology.cpus() != cpus) {
      throw new UsageException(
          "--cpus %s: %s are %d vCPUs, not %d".formatted(text, topology, topology.cpus(), cpus));
    }
    return topology;
  }

  /** How many groups of a size make up the vCPUs; 1 if their number is not given. */
  private static int groups(Integer cpus, int size) {
    return cpus == null || size <= 0 ? 1 : Math.max(1, cpus / size);
  }
}
