package org.microvm.qemu;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.microvm.linux.SocketAccess;
import org.microvm.qmp.HumanChannel;
import org.microvm.qmp.QmpChannel;
import org.microvm.qmp.QmpEndpoint;
import org.microvm.qmp.QmpSocket;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.SocketSpec;

/** The monitors: {@code -qmp}, {@code -monitor} and {@code -mon}. */
final class Monitors {
  private final Chardevs chardevs;
  private final List<QmpEndpoint> endpoints = new ArrayList<>();

  Monitors(Chardevs chardevs) {
    this.chardevs = chardevs;
  }

  void addTo(OptionTable table) {
    table.value("qmp", "DEV", this::qmp);
    table.value("qmp-pretty", "DEV", this::qmp);
    table.value("mon", "[chardev=]ID[,mode=control|readline]", this::mon);
    table.value("monitor", "DEV", this::human);
  }

  private void qmp(String value) throws OptionException {
    if (!value.equals("none") && !value.equals("null")) {
      add("compat_monitor" + endpoints.size(), chardevs.read(value));
    }
  }

  private void mon(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "chardev");
    String id = options.kind();
    String mode = options.take("mode").orElse("readline");
    options.take("pretty");
    options.take("id");
    options.finish();
    switch (mode) {
      case "control" -> add(id, chardevs.take(id));
      case "readline" -> {
        // With mux=on the guest's UART has the chardev, and its escape key.
        if (!chardevs.isShared(id)) {
          endpoints.add(new HumanChannel(id, chardevs.take(id)));
        }
      }
      default -> throw new OptionException("mode=%s is not control or readline".formatted(mode));
    }
  }

  private void human(String value) throws OptionException {
    if (!List.of("none", "null", "vc").contains(value)) {
      endpoints.add(new HumanChannel("compat_monitor" + endpoints.size(), chardevs.read(value)));
    }
  }

  /** A server's path may have several clients; everything else has one. */
  private void add(String id, ChardevSpec spec) {
    if (spec
            instanceof
            SocketSpec(SocketSpec.Unix(Path path, var mode), SocketSpec.Server(boolean waits))
        && !waits) {
      endpoints.add(new QmpSocket(path, SocketAccess.of(mode), false));
    } else {
      endpoints.add(new QmpChannel(id, spec));
    }
  }

  /** Where clients come from. */
  List<QmpEndpoint> endpoints() {
    return endpoints;
  }
}
