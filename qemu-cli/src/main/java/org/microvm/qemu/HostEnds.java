package org.microvm.qemu;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** The chardevs by id, and the short forms of {@code -serial} and {@code -qmp}. */
final class HostEnds {
  private static final List<String> OFF = List.of("telnet", "tn3270", "websocket", "abstract");

  private final FdSets sets;
  private final Map<String, End> ends = new LinkedHashMap<>();
  private final Set<String> used = new HashSet<>();

  /**
   * A chardev.
   *
   * @param spec the host end
   * @param shared whether a monitor may share it with a device (mux=on)
   */
  record End(ChardevSpec spec, boolean shared) {}

  HostEnds(FdSets sets) {
    this.sets = sets;
  }

  void addTo(OptionTable table) {
    table.value("chardev", "KIND,id=ID[,NAME=VALUE...]", this::add);
  }

  private void add(String value) throws OptionException {
    OptionList options = Words.parse(value, "backend");
    String id = options.need("id");
    if (ends.put(id, end(options)) != null) {
      throw new OptionException("id=%s is given twice".formatted(id));
    }
  }

  private End end(OptionList options) throws OptionException {
    boolean shared = options.takeFlag("mux", false);
    for (String name : OFF) {
      if (options.takeFlag(name, false)) {
        throw new OptionException("%s: %s=on is not here".formatted(options.kind(), name));
      }
    }
    // These say how, not what: packets are small anyway, and there is one address family.
    for (String name : List.of("nodelay", "delay", "ipv4", "ipv6", "tight")) {
      options.take(name);
    }
    return new End(ChardevOptions.read(resolved(options)), shared);
  }

  private OptionList resolved(OptionList options) throws OptionException {
    Map<String, String> values = new LinkedHashMap<>(options.values());
    if (options.kind().equals("file")) {
      for (String name : List.of("path", "input-path")) {
        if (values.containsKey(name)) {
          values.put(name, sets.path(values.get(name)));
        }
      }
    }
    return OptionList.of(options.kind().equals("vc") ? "null" : options.kind(), values);
  }

  /**
   * Takes a chardev for a device or a QMP monitor.
   *
   * @throws OptionException if there is none with the id, or another device has it
   */
  ChardevSpec take(String id) throws OptionException {
    End end = ends.get(id);
    if (end == null) {
      throw new OptionException("there is no -chardev with id=" + id);
    }
    if (!used.add(id)) {
      throw new OptionException("chardev %s is in use by another device".formatted(id));
    }
    return end.spec();
  }

  /** Whether a chardev is one that devices share with the human monitor. */
  boolean isShared(String id) {
    return ends.containsKey(id) && ends.get(id).shared();
  }

  /** Returns the options of the chardevs that ports use, in their order. */
  List<String> options(Set<String> ids) {
    List<String> words = new ArrayList<>();
    ends.forEach(
        (id, end) -> {
          if (ids.contains(id)) {
            words.addAll(List.of("--chardev", ChardevOptions.write(id, end.spec())));
          }
        });
    return words;
  }

  /**
   * Reads the short form of a host end: {@code unix:PATH,server=on,wait=off}, {@code
   * tcp:HOST:PORT}, {@code file:PATH}, {@code pipe:PATH}, {@code stdio}, {@code pty}, {@code null},
   * {@code vc} or {@code chardev:ID}.
   */
  ChardevSpec read(String text) throws OptionException {
    if (text.startsWith("chardev:")) {
      return take(text.substring("chardev:".length()));
    }
    OptionList options = Words.parse(text, "");
    String where = options.kind();
    int colon = where.indexOf(':');
    String kind = colon < 0 ? where : where.substring(0, colon);
    String rest = where.substring(colon + 1);
    Map<String, String> values = new LinkedHashMap<>(options.values());
    switch (kind) {
      case "unix" -> {
        kind = "socket";
        values.put("path", rest);
      }
      case "tcp" -> {
        kind = "socket";
        int port = rest.lastIndexOf(':');
        if (port > 0) {
          values.put("host", rest.substring(0, port));
        }
        values.put("port", rest.substring(port + 1));
      }
      case "file", "pipe" -> values.put("path", rest);
      case "none" -> kind = "null";
      case "stdio", "pty", "null", "vc" -> {
        // They have no address.
      }
      default ->
          throw new OptionException(
              "there is no '%s'; there are: unix:, tcp:, file:, pipe:, stdio, pty, null, none,"
                      .formatted(where)
                  + " chardev:ID");
    }
    return end(OptionList.of(kind, values)).spec();
  }
}
