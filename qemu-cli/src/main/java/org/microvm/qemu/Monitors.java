package org.microvm.qemu;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.microvm.linux.SocketAccess;
import org.microvm.qmp.QmpChannel;
import org.microvm.qmp.QmpEndpoint;
import org.microvm.qmp.QmpSocket;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.SocketSpec;

/** The monitors: {@code -qmp} and {@code -mon}. There is no human monitor. */
final class Monitors {
  private static final String NO_HUMAN =
      "there is no human monitor; QMP's human-monitor-command runs its commands";

  private final HostEnds ends;
  private final List<QmpEndpoint> endpoints = new ArrayList<>();

  Monitors(HostEnds ends) {
    this.ends = ends;
  }

  void addTo(OptionTable table) {
    table.value("qmp", "DEV", this::qmp);
    table.value("qmp-pretty", "DEV", this::qmp);
    table.value("mon", "[chardev=]ID,mode=control", this::mon);
    table.value("monitor", "none", this::human);
  }

  private void qmp(String value) throws OptionException {
    if (!value.equals("none") && !value.equals("null")) {
      add("compat_monitor" + endpoints.size(), ends.read(value));
    }
  }

  private void mon(String value) throws OptionException {
    OptionList options = Words.parse(value, "chardev");
    String id = options.kind();
    String mode = options.take("mode").orElse("readline");
    options.take("pretty");
    options.take("id");
    options.finish();
    if (mode.equals("control")) {
      add(id, ends.take(id));
    } else if (!ends.isShared(id)) {
      throw new OptionException(NO_HUMAN + " (mode=control)");
    }
  }

  private void human(String value) throws OptionException {
    if (!value.equals("none") && !value.equals("null") && !value.equals("vc")) {
      throw new OptionException(NO_HUMAN);
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
