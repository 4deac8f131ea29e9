package org.microvm.qemu;

import java.util.Optional;
import org.microvm.cli.RunExtras;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** The one UART: {@code -serial}, {@code -device isa-serial} and {@code -nographic}. */
final class Uart {
  /** The UART on the terminal, where Ctrl-A is the escape key, as on a chardev with mux=on. */
  private static final String ON_TERMINAL = "mon:stdio";

  private final Chardevs chardevs;
  private Optional<RunExtras.Serial> end = Optional.empty();
  private boolean given;
  private boolean onTerminal;
  private boolean noGraphics;
  private boolean noDefaults;

  Uart(Chardevs chardevs) {
    this.chardevs = chardevs;
  }

  void addTo(OptionTable table) {
    table.value("serial", "DEV", this::serial);
    table.flag("nographic", () -> noGraphics = true);
    table.flag("nodefaults", () -> noDefaults = true);
  }

  private void serial(String value) throws OptionException {
    if (given) {
      if (!value.equals("none") && !value.equals("null")) {
        throw new OptionException("only one UART is supported");
      }
      return;
    }
    if (value.equals(ON_TERMINAL)) {
      chardevs.useStdio();
      given = true;
      onTerminal = true;
    } else if (value.startsWith("mon:")) {
      throw new OptionException("there is no human monitor; mon:stdio has the escape key Ctrl-A");
    } else if (value.startsWith("chardev:")) {
      chardev("-serial " + value, value.substring("chardev:".length()));
    } else {
      connect("-serial " + value, "serial0", chardevs.read(value));
    }
  }

  /** Connects the UART as {@code -device isa-serial} says. */
  void device(String value, OptionList options) throws OptionException {
    String id = options.need("chardev");
    for (String name : new String[] {"id", "index", "iobase", "irq", "bus"}) {
      options.take(name);
    }
    options.finish();
    if (given && end.isPresent()) {
      throw new OptionException("only one UART is supported");
    }
    chardev("-device " + value, id);
  }

  private void chardev(String option, String id) throws OptionException {
    ChardevSpec spec = chardevs.take(id);
    if (chardevs.isShared(id) && spec instanceof ChardevSpec.Stdio) {
      given = true;
      onTerminal = true;
    } else {
      connect(option, id, spec);
    }
  }

  private void connect(String option, String id, ChardevSpec spec) {
    given = true;
    end =
        spec instanceof ChardevSpec.Null
            ? Optional.empty()
            : Optional.of(new RunExtras.Serial(option, id, spec));
  }

  /** Whether the UART is on this terminal, with its escape key. */
  boolean isOnTerminal() {
    return given ? onTerminal : noGraphics && !noDefaults;
  }

  /** The host end; empty if the UART's output is dropped or on the terminal. */
  Optional<RunExtras.Serial> end() {
    return end;
  }
}
