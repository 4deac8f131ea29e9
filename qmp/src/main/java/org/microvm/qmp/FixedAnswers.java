package org.microvm.qmp;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * The commands whose answers never change, most of them about hardware that this machine does not
 * have. They return what QEMU returns for a machine without that hardware.
 */
final class FixedAnswers {
  private static final Map<String, String> ANSWERS =
      Map.ofEntries(
          Map.entry("query-acpi-ospm-status", "[]"),
          Map.entry("query-block-jobs", "[]"),
          Map.entry(
              "query-colo-status",
              "{\"mode\": \"none\", \"last-mode\": \"none\", \"reason\": \"none\"}"),
          Map.entry("query-current-machine", "{\"wakeup-suspend-support\": false}"),
          Map.entry("query-display-options", "{\"type\": \"none\"}"),
          Map.entry("query-iothreads", "[]"),
          Map.entry("query-jobs", "[]"),
          Map.entry("query-kvm", "{\"enabled\": true, \"present\": true}"),
          Map.entry("query-memory-devices", "[]"),
          Map.entry("query-mice", "[]"),
          Map.entry("query-pci", "[]"),
          Map.entry("query-replay", "{\"mode\": \"none\", \"icount\": 0}"),
          Map.entry("query-rx-filter", "[]"),
          Map.entry(
              "query-sev",
              "{\"enabled\": false, \"api-major\": 0, \"api-minor\": 0, \"build-id\": 0,"
                  + " \"policy\": 0, \"state\": \"uninit\", \"handle\": 0}"),
          Map.entry(
              "query-spice",
              "{\"enabled\": false, \"migrated\": false, \"mouse-mode\": \"client\"}"),
          Map.entry("query-target", "{\"arch\": \"x86_64\"}"),
          Map.entry("query-tpm", "[]"),
          Map.entry("query-vnc", "{\"enabled\": false}"),
          // No clock here reinjects lost ticks.
          Map.entry("rtc-reset-reinjection", "{}"));

  static final String NO_BALLOON = "No balloon device has been activated";

  private FixedAnswers() {}

  static void addTo(QmpCommands commands) {
    ANSWERS.forEach((name, json) -> commands.add(name, answer(json)));
    commands.add("query-balloon", refusal(QmpException.DEVICE_NOT_ACTIVE, NO_BALLOON));
    commands.add(
        "query-hotpluggable-cpus",
        refusal(QmpException.GENERIC, "The feature 'query-hotpluggable-cpus' is not enabled"));
    commands.add(
        "system_wakeup",
        refusal(QmpException.GENERIC, "wake-up from suspend is not supported by this guest"));
    commands.add(
        "query-sev-capabilities", refusal(QmpException.GENERIC, "SEV is not enabled in KVM"));
    commands.add(
        "query-sgx", refusal(QmpException.GENERIC, "SGX is only supported on PC machines"));
    commands.add(
        "x-exit-preconfig",
        refusal(
            QmpException.GENERIC, "The command is permitted only before machine initialization"));
  }

  private static QmpCommand answer(String json) {
    return arguments -> {
      arguments.finish();
      return QmpJson.parse(json.getBytes(StandardCharsets.US_ASCII));
    };
  }

  private static QmpCommand refusal(String errorClass, String description) {
    return arguments -> {
      arguments.finish();
      throw new QmpException(errorClass, description);
    };
  }
}
