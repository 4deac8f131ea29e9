package org.microvm.sandbox;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The sandbox's policy as a seccomp profile of container runtimes: the JSON of the OCI runtime
 * specification's {@code linux.seccomp}.
 *
 * <p>A container runtime applies the profile before it starts the program, and to each program that
 * it starts in the container later. So the profile also allows the calls that start the JVM and
 * enter the sandbox. It cannot name a process: signals are limited by the container's process
 * namespace instead.
 */
final class SeccompProfile {
  private static final String ALLOW = "SCMP_ACT_ALLOW";
  private static final String ERRNO = "SCMP_ACT_ERRNO";

  /** Not in the policy: a start, and the sandbox's own calls. */
  private static final List<String> START =
      List.of(
          "execve",
          "seccomp",
          "landlock_create_ruleset",
          "landlock_add_rule",
          "landlock_restrict_self");

  /**
   * Allowed with any arguments: the sandbox changes limits and attributes before it forbids that,
   * and signals go to a process whose number is not known.
   */
  private static final List<String> UNCONDITIONAL = List.of("kill", "tgkill", "prctl", "prlimit64");

  private SeccompProfile() {}

  /** {@return the profile, with a line for each rule} */
  static String text() {
    SystemCallPolicy policy = SystemCallPolicy.of(SandboxMode.ON, 1, true);
    TreeSet<String> allowed = new TreeSet<>(START);
    List<String> rules = new ArrayList<>();
    for (SystemCall call : policy.calls()) {
      if (call.tests().isEmpty() || UNCONDITIONAL.contains(call.name())) {
        allowed.add(call.name());
      } else if (call.refusal() == SystemCallPolicy.ENOSYS) {
        rules.add(rule(List.of(call.name()), ERRNO, ", \"errnoRet\": " + call.refusal()));
      } else {
        call.tests().forEach(test -> rules.add(conditional(call.name(), test)));
      }
    }
    rules.addFirst(rule(allowed, ALLOW, ""));
    return """
        {
          "defaultAction": "%s",
          "defaultErrnoRet": %d,
          "architectures": ["SCMP_ARCH_X86_64"],
          "syscalls": [
            %s
          ]
        }
        """
        .formatted(ERRNO, SystemCallPolicy.EPERM, String.join(",\n    ", rules));
  }

  private static String conditional(String name, ArgumentTest test) {
    Map<String, Object> argument =
        new TreeMap<>(
            Map.of("index", test.argument(), "value", test.mask(), "valueTwo", test.value()));
    String members =
        argument.entrySet().stream()
            .map(entry -> "\"" + entry.getKey() + "\": " + entry.getValue())
            .collect(Collectors.joining(", "));
    return rule(
        List.of(name), ALLOW, ", \"args\": [{" + members + ", \"op\": \"SCMP_CMP_MASKED_EQ\"}]");
  }

  private static String rule(Iterable<String> names, String action, String more) {
    return "{\"names\": [\"%s\"], \"action\": \"%s\"%s}"
        .formatted(String.join("\", \"", names), action, more);
  }
}
