package org.microvm.qemu;

import java.util.ArrayList;
import java.util.List;
import org.microvm.cli.RunExtras;
import org.microvm.qemu.OptionTable.Given;

/** Translates a command line, option by option. Options that others refer to come first. */
final class Translation {
  /** The options that others name by an id, in the order in which they are read. */
  private static final List<String> FIRST =
      List.of("add-fd", "snapshot", "machine", "M", "chardev", "object", "drive", "blockdev");

  private static final String NO_NETWORK = "there is no network; use a channel of virtio-serial";
  private static final String NO_MEDIUM =
      "only virtio disks are supported: -drive file=...,if=virtio";
  private static final String NO_DEBUGGER = "there is no gdb server";

  private final RunExtras extras =
      new RunExtras().exactCommandLine().signalsAreSuccess().asQemu(Help.QEMU_VERSION);
  private final FdSets sets = new FdSets();
  private final Chardevs chardevs = new Chardevs(sets);
  private final Uart uart = new Uart(chardevs);
  private final Monitors monitors = new Monitors(chardevs);
  private final Disks disks = new Disks(sets);
  private final Devices devices = new Devices(chardevs, disks, uart);
  private final Board board = new Board(extras);
  private final OptionTable table = new OptionTable();

  /**
   * The result.
   *
   * @param options of {@code microvm run}; empty without a guest
   * @param extras settings for which there is no such option
   * @param none whether there is no guest (-M none), only monitors
   */
  record Result(List<String> options, RunExtras extras, boolean none) {}

  Translation() {
    board.addTo(table);
    devices.addTo(table);
    chardevs.addTo(table);
    uart.addTo(table);
    monitors.addTo(table);
    disks.addTo(table);
    sets.addTo(table);
    WithoutEffect.addTo(table);
    accepted();
    refused();
  }

  /** Options of which only some values make sense here. */
  private void accepted() {
    List<String> watchdog = WithoutEffect.WATCHDOG;
    only(
        "watchdog-action", String.join("|", watchdog), "is none of " + String.join(", ", watchdog));
    only("echr", "1", "the escape key is Ctrl-A");
    only("display", "none", "there is no display");
    only("vga", "none", "there is no display");
    only("net", "none", NO_NETWORK);
    only("nic", "none", NO_NETWORK);
    only("parallel", "none|null", "there is no parallel port");
  }

  private void refused() {
    for (String name : List.of("netdev")) {
      table.refuse(name, true, NO_NETWORK);
    }
    for (String name : List.of("hda", "hdb", "hdc", "hdd", "cdrom", "fda", "fdb", "pflash", "sd")) {
      table.refuse(name, true, NO_MEDIUM);
    }
    table.refuse("bios", true, "there is no firmware: -kernel is started directly");
    table.refuse("gdb", true, NO_DEBUGGER);
    table.refuse("s", false, NO_DEBUGGER);
    table.refuse("fsdev", true, "there is no shared file system");
    table.refuse("virtfs", true, "there is no shared file system");
    table.refuse("loadvm", true, "a snapshot is resumed by 'microvm restore'");
    table.refuse("usb", false, "there is no USB");
    table.refuse("usbdevice", true, "there is no USB");
    table.refuse("vnc", true, "there is no display");
    table.refuse("spice", true, "there is no display");
    table.refuse("audiodev", true, "there is no sound");
    table.refuse("numa", true, "only one NUMA node is supported");
    table.refuse("icount", true, "KVM does not count instructions");
    table.refuse("readconfig", true, "give the options on the command line");
    table.refuse("tpmdev", true, "there is no TPM");
    table.refuse("dtb", true, "there is no device tree");
    table.refuse("fw_cfg", true, "there is no fw_cfg device");
    table.refuse("watchdog", true, "there is no watchdog");
    table.refuse("trace", true, "there are no trace events; see --exit-stats of microvm run");
    table.refuse("d", true, "log items are not supported");
    table.refuse("chroot", true, "use -sandbox on");
    table.refuse("runas", true, "start the program as that user");
    table.refuse("mem-path", true, "guest memory in a file is not supported");
    table.refuse("set", true, "set the value in the option itself");
  }

  private void only(String name, String accepted, String reason) {
    table.value(
        name,
        accepted,
        value -> {
          if (!List.of(accepted.split("[|]")).contains(value)) {
            throw new Refusal("-" + name, value, reason);
          }
        });
  }

  /** The lines of the help. */
  String help() {
    return table.help();
  }

  /**
   * Translates a command line.
   *
   * @throws Refusal if an option is not accepted
   */
  Result translate(List<String> words) throws Refusal {
    List<Given> given = new ArrayList<>(table.read(words));
    for (String name : FIRST) {
      for (Given each : given) {
        if (each.name().equals(name)) {
          table.run(each);
        }
      }
    }
    for (Given each : given) {
      if (!FIRST.contains(each.name())) {
        table.run(each);
      }
    }
    monitors.endpoints().forEach(extras::monitor);
    if (board.isNone() && !monitors.endpoints().isEmpty() && disks.options().isEmpty()) {
      return new Result(List.of(), extras, true);
    }
    uart.end().ifPresent(extras::serial);
    List<String> options = board.options(devices);
    options.addAll(disks.options());
    options.addAll(devices.options());
    if (!uart.isOnTerminal()) {
      options.add("--no-console");
    }
    if (!monitors.endpoints().isEmpty()) {
      options.addAll(List.of("--on-migrate", "stay"));
    }
    return new Result(options, extras, false);
  }
}
