package org.microvm.qemu;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.microvm.cli.ByteSize;
import org.microvm.cli.RunExtras;
import org.microvm.virtioserial.options.NearestWord;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** The options of the machine itself: kernel, memory, vCPUs, start and end. */
final class Board {
  private static final List<String> MACHINES = List.of("microvm", "q35", "pc", "none");

  private static final List<String> CPUS = List.of("host", "max", "base", "qemu64", "kvm64");
  private static final List<String> SMP = List.of("sockets", "cores", "threads");

  private static final String UUID_FORM = "(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

  private static final long KIBI = 1 << 10;
  private static final long MEBI = 1 << 20;

  /** QEMU's default. */
  private static final String DEFAULT_MEMORY = "128M";

  private final Map<String, String> words = new LinkedHashMap<>();
  private final RunExtras extras;
  private final Set<String> accelerators = new HashSet<>();
  private String machine = "pc";
  private String memoryBackend = "";
  private boolean memoryGiven;
  private boolean exitsAtReset;

  Board(RunExtras extras) {
    this.extras = extras;
    words.put("--memory", DEFAULT_MEMORY);
  }

  void addTo(OptionTable table) {
    table.value("machine", "microvm|q35|pc|none[,NAME=VALUE...]", this::machine);
    table.value("M", "microvm|q35|pc|none[,NAME=VALUE...]", this::machine);
    table.value("accel", "kvm", this::accelerator);
    table.flag("enable-kvm", () -> accelerators.add("kvm"));
    table.value("cpu", "host|max", Board::cpu);
    table.value("m", "[size=]SIZE", this::memory);
    table.value("smp", "[cpus=]N[,sockets=S][,cores=C][,threads=T]", this::smp);
    table.value("kernel", "FILE", value -> words.put("--kernel", value));
    table.value("initrd", "FILE", value -> words.put("--initrd", value));
    table.value("append", "TEXT", value -> words.put("--append", value));
    table.value("name", "[guest=]NAME", this::name);
    table.value("uuid", "UUID", this::uuid);
    table.value("pidfile", "FILE", value -> extras.pidFile(path(value)));
    table.value("incoming", "unix:PATH|tcp:HOST:PORT|defer", this::incoming);
    table.value("sandbox", "on|off", this::sandbox);
    table.value("rtc", "base=utc[,...]", Board::rtc);
    table.value("action", "reboot=|shutdown=|panic=", this::action);
    table.flag("no-reboot", () -> exitsAtReset = true);
    table.flag("no-shutdown", extras::staysAfterShutdown);
    table.flag("no-acpi", () -> words.put("--acpi", "off"));
    table.flag("daemonize", extras::background);
    table.flag("S", extras::paused);
  }

  private void machine(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "type");
    String type = options.kind();
    if (!type.isEmpty()) {
      boolean known = MACHINES.contains(type) || type.matches("pc-(q35|i440fx)-[0-9.]+");
      if (!known) {
        throw new OptionException(
            "there is no machine %s; '-machine help' lists them%s"
                .formatted(type, NearestWord.hint(type, MACHINES)));
      }
      machine = type;
    }
    String accel = options.values().get("accel");
    if (accel != null) {
      accel(accel);
    }
    if (!options.takeFlag("acpi", true)) {
      words.put("--acpi", "off");
    }
    for (String name : List.of("kernel", "initrd", "append")) {
      options.take(name).ifPresent(given -> words.put("--" + name, given));
    }
    memoryBackend = options.take("memory-backend").orElse(memoryBackend);
    MachineProperties.take(options);
    options.finish();
  }

  /** The clock has the host's time in UTC, whatever QEMU's clock follows. */
  private static void rtc(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    String base = options.take("base").orElse("utc");
    options.takeChoice("clock", "host", List.of("host", "rt", "vm"), word -> word);
    options.takeChoice("driftfix", "none", List.of("none", "slew"), word -> word);
    options.finish();
    if (!base.equals("utc")) {
      throw new OptionException(
          "base=%s: the guest's clock is in UTC: base=utc%s"
              .formatted(base, NearestWord.hint(base, List.of("utc"))));
    }
  }

  private void accelerator(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "accel");
    accel(options.kind());
    List.of("dirty-ring-size", "kvm-shadow-mem", "notify-vmexit", "notify-window", "device")
        .forEach(options::take);
    // Properties of tcg: a list of accelerators that includes kvm may have them.
    List.of("thread", "tb-size", "split-wx", "one-insn-per-tb").forEach(options::take);
    options.takeFlag("igd-passthru", false);
    MachineProperties.takeInterruptController(options, "kernel-irqchip");
    options.finish();
  }

  private void accel(String value) throws OptionException {
    List<String> names = List.of(value.split(":"));
    if (!names.contains("kvm") && !machine.equals("none")) {
      throw new OptionException(
          "accelerator %s is not supported; use kvm%s"
              .formatted(value, NearestWord.hint(value, List.of("kvm"))));
    }
    accelerators.addAll(names);
  }

  private static void cpu(String value) throws OptionException {
    String model = value.split(",", 2)[0];
    if (!CPUS.contains(model)) {
      throw new OptionException(
          "there is no CPU model %s; the guest's vCPUs have the features of the host: -cpu host%s"
              .formatted(model, NearestWord.hint(model, CPUS)));
    }
  }

  private void memory(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "size");
    for (String name : List.of("slots", "maxmem")) {
      if (options.take(name).isPresent()) {
        throw new OptionException(name + "=: memory cannot be added later");
      }
    }
    options.finish();
    String size = options.kind();
    if (!size.matches("[0-9]{1,15}([bkKmMgGtT][bB]?)?")) {
      throw new OptionException("'%s' is not a size, such as 256 (MiB) or 1G".formatted(size));
    }
    memoryGiven = true;
    words.put("--memory", size.matches(".*[0-9][bB]") ? size.replaceAll("[bB]$", "") : size);
  }

  private void smp(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "cpus");
    Map<String, String> values = new LinkedHashMap<>();
    if (!options.kind().isEmpty()) {
      values.put("cpus", options.kind());
    }
    for (String name : SMP) {
      options.take(name).ifPresent(number -> values.put(name, number));
    }
    String most = options.take("maxcpus").orElse("");
    if (!most.isEmpty() && !most.equals(values.getOrDefault("cpus", most))) {
      throw new OptionException("maxcpus=%s: vCPUs cannot be added later".formatted(most));
    }
    if (!most.isEmpty()) {
      values.putIfAbsent("cpus", most);
    }
    for (String name : List.of("dies", "clusters", "modules", "drawers", "books")) {
      String number = options.take(name).orElse("1");
      if (!number.equals("1")) {
        throw new OptionException(
            "%s=%s: only sockets, cores and threads are supported".formatted(name, number));
      }
    }
    options.finish();
    List<String> parts = new ArrayList<>();
    values.forEach((name, number) -> parts.add(name + "=" + number));
    words.put("--cpus", String.join(",", parts));
  }

  private void name(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "guest");
    options.takeFlag("debug-threads", false);
    options.take("process");
    options.finish();
    extras.label(options.kind());
  }

  private void uuid(String value) throws OptionException {
    if (!value.matches(UUID_FORM)) {
      throw new OptionException("not a UUID, such as 123e4567-e89b-12d3-a456-426614174000");
    }
    extras.uuid(UUID.fromString(value));
  }

  private void incoming(String value) throws OptionException {
    if (value.equals("defer") || value.startsWith("unix:")) {
      words.put("--incoming", value);
    } else if (value.startsWith("tcp:")) {
      // As QEMU does without tls-creds.
      words.put("--incoming", value.contains("tls=") ? value : value + ",tls=off");
    } else {
      throw new OptionException("accepted are unix:PATH, tcp:HOST:PORT and defer");
    }
  }

  private void sandbox(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "enable");
    String mode = options.kind();
    if (!mode.equals("on") && !mode.equals("off")) {
      throw new OptionException(
          "neither on nor off" + NearestWord.hint(mode, List.of("on", "off")));
    }
    for (String name : List.of("obsolete", "spawn", "resourcecontrol")) {
      options.takeChoice(name, "deny", List.of("allow", "deny"), word -> word);
    }
    options.takeChoice(
        "elevateprivileges", "deny", List.of("allow", "deny", "children"), word -> word);
    options.finish();
    words.put("--sandbox", mode);
  }

  private void action(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    String reboot =
        options.takeChoice("reboot", "reset", List.of("reset", "shutdown"), word -> word);
    exitsAtReset = exitsAtReset || reboot.equals("shutdown");
    String shutdown =
        options.takeChoice("shutdown", "poweroff", List.of("poweroff", "pause"), word -> word);
    if (shutdown.equals("pause")) {
      extras.staysAfterShutdown();
    }
    String panic =
        options.takeChoice(
            "panic", "shutdown", List.of("shutdown", "exit-failure", "pause"), word -> word);
    words.put("--on-panic", panic.equals("pause") ? "pause" : "exit");
    options.takeChoice("watchdog", "reset", WithoutEffect.WATCHDOG, word -> word);
    options.finish();
  }

  private static Path path(String text) throws OptionException {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new OptionException("not a path: " + e.getReason());
    }
  }

  /** The guest's memory has the size of its backend, which -m may repeat. */
  private void memoryOf(long backendBytes) throws Refusal {
    if (!memoryGiven) {
      words.put("--memory", backendBytes / KIBI + "K");
    } else if (backendBytes != ByteSize.parse("-m", words.get("--memory"), MEBI)) {
      throw new Refusal(
          "-m",
          words.get("--memory"),
          "the memory backend has another size, %d bytes".formatted(backendBytes));
    }
  }

  /**
   * Whether there is no guest: {@code -M none}, or no kernel, as for programs that query features.
   */
  boolean isNone() {
    return machine.equals("none") || !words.containsKey("--kernel");
  }

  /** Returns the options of {@code microvm run}. Call it after all options were read. */
  List<String> options(Devices devices) throws Refusal {
    if (!accelerators.isEmpty() && !accelerators.contains("kvm")) {
      throw new Refusal("-accel", String.join(":", accelerators), "there is only kvm");
    }
    if (!memoryBackend.isEmpty() && !devices.hasMemory(memoryBackend)) {
      throw new Refusal(
          "-machine", "memory-backend=" + memoryBackend, "there is no -object memory-backend-ram");
    }
    if (!words.containsKey("--kernel")) {
      throw new Refusal(
          "-kernel", null, "is required: there is no firmware that would boot from a disk");
    }
    if (!memoryBackend.isEmpty()) {
      memoryOf(devices.memorySize(memoryBackend));
    }
    List<String> all = new ArrayList<>();
    words.forEach((name, value) -> all.addAll(List.of(name, value)));
    all.addAll(List.of("--on-reset", exitsAtReset ? "exit" : "restart"));
    all.addAll(List.of("--reset-limit", "0", "--on-halt", "ignore"));
    return all;
  }
}
