package org.microvm.qemu;

import java.util.List;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/**
 * Options without an effect that a guest or a client of this machine could notice. Their values are
 * checked, and values that would have such an effect are refused.
 */
final class WithoutEffect {
  private static final List<String> INPUT = List.of("accept", "reject", "crash");
  private static final List<String> OUTPUT = List.of("accept", "hide");

  /** What a watchdog can do; there is none. */
  static final List<String> WATCHDOG =
      List.of("reset", "shutdown", "poweroff", "inject-nmi", "pause", "debug", "none");

  private static final String NOT_LOCKED = "locking guest memory is not supported";

  private WithoutEffect() {}

  static void addTo(OptionTable table) {
    table.accept(
        "no-user-config",
        "nodefconfig",
        "no-hpet",
        "no-fd-bootchk",
        "enable-fips",
        "no-quit",
        "no-kvm-irqchip",
        "no-kvm-pit-reinjection",
        "only-migratable",
        "mem-prealloc");
    // The log, -D, has only the items of -d, which is refused.
    table.acceptValue("L", "k", "smbios", "D");
    table.value("boot", "[order=]LETTERS[,menu=on|off][,strict=on|off]...", WithoutEffect::boot);
    table.value("msg", "[timestamp=on|off][,guest-name=on|off]", WithoutEffect::messages);
    table.value("compat", "[deprecated-input=...]...", WithoutEffect::compatibility);
    table.value("overcommit", "[mem-lock=off][,cpu-pm=on|off]", WithoutEffect::overcommit);
    table.value("realtime", "[mlock=off]", WithoutEffect::realtime);
    table.value("run-with", "[async-teardown=on|off]", WithoutEffect::runWith);
    table.value("global", "DRIVER.PROPERTY=VALUE", WithoutEffect::global);
    table.value("seed", "N", WithoutEffect::seed);
  }

  private static void boot(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "order");
    List.of("once", "splash", "splash-time", "reboot-timeout").forEach(options::take);
    options.takeFlag("menu", false);
    options.takeFlag("strict", false);
    options.finish();
  }

  private static void messages(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    options.takeFlag("timestamp", false);
    options.takeFlag("guest-name", false);
    options.finish();
  }

  private static void compatibility(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    for (String what : List.of("deprecated", "unstable")) {
      options.takeChoice(what + "-input", "accept", INPUT, word -> word);
      options.takeChoice(what + "-output", "accept", OUTPUT, word -> word);
    }
    options.finish();
  }

  private static void overcommit(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    off(options, "mem-lock", NOT_LOCKED);
    options.takeFlag("cpu-pm", false);
    options.finish();
  }

  private static void realtime(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    off(options, "mlock", NOT_LOCKED);
    options.finish();
  }

  private static void runWith(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    options.takeFlag("async-teardown", false);
    off(options, "exit-with-parent", "the machine does not end with its parent");
    if (options.take("chroot").isPresent()) {
      throw new OptionException("chroot=: use -sandbox on");
    }
    if (options.take("user").isPresent()) {
      throw new OptionException("user=: start the program as that user");
    }
    options.finish();
  }

  private static void global(String value) throws OptionException {
    if (value.matches("[^=,]+[.][^=,]+=.*")) {
      return;
    }
    OptionList options = OptionValue.parse(value, "");
    options.need("driver");
    options.need("property");
    options.need("value");
    options.finish();
  }

  private static void seed(String value) throws OptionException {
    if (!value.matches("[0-9]{1,20}|0x[0-9a-fA-F]{1,16}")) {
      throw new OptionException("not a number");
    }
  }

  private static void off(OptionList options, String name, String reason) throws OptionException {
    if (options.takeFlag(name, false)) {
      throw new OptionException(name + "=on: " + reason);
    }
  }
}
