package org.microvm.oci;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.bertramlabs.plugins.hcl4j.HCLParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The job, parsed as HCL; its names are compared with those of Nomad's job specification. */
class NomadJobTest {
  private static final Path FILE = Path.of("..", "deploy", "nomad", "microvm.nomad.hcl");

  private static Map<?, ?> task;

  @BeforeAll
  static void read() throws Exception {
    Map<?, ?> file = new HCLParser().parse(Files.readString(FILE));
    task = child(child(child(file, "job", "microvm"), "group", "guest"), "task", "microvm");
  }

  @Test
  void task_hasOnlyAttributesOfTheSpecification() {
    assertEquals(
        Set.of(),
        beyond(task, "driver", "user", "kill_signal", "kill_timeout", "config", "resources"));
    assertEquals(
        Set.of(),
        beyond(
            child(task, "config"),
            "image",
            "args",
            "readonly_rootfs",
            "cap_drop",
            "group_add",
            "pids_limit",
            "security_opt",
            "devices",
            "mount"));
  }

  @Test
  void memoryMaximum_isGuestMemoryAndTheBound() {
    Map<?, ?> resources = child(task, "resources");

    assertEquals(
        128 + ResourceBound.BESIDE_GUEST_MIB, ((Number) resources.get("memory_max")).intValue());
  }

  private static Set<Object> beyond(Map<?, ?> block, String... names) {
    Set<Object> others = new TreeSet<>(block.keySet());
    others.removeAll(Set.of(names));
    return others;
  }

  private static Map<?, ?> child(Map<?, ?> block, String... path) {
    Map<?, ?> at = block;
    for (String name : path) {
      at = (Map<?, ?>) at.get(name);
    }
    return at;
  }
}
