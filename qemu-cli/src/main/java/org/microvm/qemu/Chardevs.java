package org.microvm.qemu;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.NearestWord;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/** The chardevs by id, and the short forms of {@code -serial} and {@code -qmp}. */
final class Chardevs {
  private static final List<String> SHORT_FORMS =
      List.of("unix:", "tcp:", "file:", "pipe:", "stdio", "pty", "null", "none", "chardev:ID");

  private static final List<String> OFF = List.of("telnet", "tn3270", "websocket", "abstract");

  private final FdSets sets;
  private final Map<String, Chardev> chardevs = new LinkedHashMap<>();
  private final Set<String> used = new HashSet<>();
  private boolean stdio;

  /**
   * A chardev.
   *
   * @param spec the host end
   * @param shared whether a monitor may share it with a device (mux=on)
   */
  record Chardev(ChardevSpec spec, boolean shared) {}

  Chardevs(FdSets sets) {
    this.sets = sets;
  }

  void addTo(OptionTable table) {
    table.value("chardev", "KIND,id=ID[,NAME=VALUE...]", this::add);
  }

  private void add(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "backend");
    String id = options.need("id");
    if (chardevs.put(id, chardev(options)) != null) {
      throw new OptionException("id=%s is given twice".formatted(id));
    }
  }

  private Chardev chardev(OptionList options) throws OptionException {
    boolean shared = options.takeFlag("mux", false);
    for (String name : OFF) {
      if (options.takeFlag(name, false)) {
        throw new OptionException("%s: %s=on is not supported".formatted(options.kind(), name));
      }
    }
    // These options have no visible effect: packets are small anyway, and there is one address
    // family.
    for (String name : List.of("nodelay", "delay", "ipv4", "ipv6", "tight")) {
      options.take(name);
    }
    ChardevSpec spec = ChardevOptions.read(resolved(options));
    if (spec.plain() instanceof ChardevSpec.Stdio) {
      useStdio();
    }
    return new Chardev(spec, shared);
  }

  /**
   * Takes standard input and output.
   *
   * @throws OptionException if another chardev has them
   */
  void useStdio() throws OptionException {
    if (stdio) {
      throw new OptionException("cannot use stdio by multiple character devices");
    }
    stdio = true;
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
    Chardev chardev = chardevs.get(id);
    if (chardev == null) {
      throw new OptionException(
          "there is no -chardev with id=" + id + NearestWord.hint(id, chardevs.keySet()));
    }
    if (!used.add(id)) {
      throw new OptionException("chardev %s is in use by another device".formatted(id));
    }
    return chardev.spec();
  }

  /** Whether a chardev is one that devices share with the human monitor. */
  boolean isShared(String id) {
    return chardevs.containsKey(id) && chardevs.get(id).shared();
  }

  /** Returns the options of the chardevs that ports use, in their order. */
  List<String> options(Set<String> ids) {
    List<String> words = new ArrayList<>();
    chardevs.forEach(
        (id, chardev) -> {
          if (ids.contains(id)) {
            words.addAll(List.of("--chardev", ChardevOptions.write(id, chardev.spec())));
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
    int colon = text.indexOf(':');
    int comma = text.indexOf(',');
    boolean addressed = colon >= 0 && (comma < 0 || colon < comma);
    String kind = addressed ? text.substring(0, colon) : text;
    String rest = addressed ? text.substring(colon + 1) : "";
    return switch (kind) {
      case "unix" -> chardev(socket(OptionValue.parse(rest, "path"), "path")).spec();
      case "tcp" -> chardev(tcp(OptionValue.parse(rest, ""))).spec();
      // As in QEMU the whole rest is the path, commas included.
      case "file", "pipe" -> chardev(OptionList.of(kind, Map.of("path", rest))).spec();
      case "none" -> chardev(OptionList.of("null", Map.of())).spec();
      case "stdio", "pty", "null", "vc" -> chardev(OptionList.of(kind, Map.of())).spec();
      default ->
          throw new OptionException(
              "there is no '%s'; there are: %s%s"
                  .formatted(
                      comma < 0 ? text : text.substring(0, comma),
                      String.join(", ", SHORT_FORMS),
                      NearestWord.hint(addressed ? kind + ":" : kind, SHORT_FORMS)));
    };
  }

  /** A socket whose address is a path, or a descriptor (fd=N). */
  private static OptionList socket(OptionList options, String name) {
    Map<String, String> values = new LinkedHashMap<>(options.values());
    if (!options.kind().isEmpty()) {
      values.put(name, options.kind());
    }
    return OptionList.of("socket", values);
  }

  private static OptionList tcp(OptionList options) {
    Map<String, String> values = new LinkedHashMap<>(options.values());
    String where = options.kind();
    int port = where.lastIndexOf(':');
    if (port > 0) {
      values.put("host", where.substring(0, port));
    }
    values.put("port", where.substring(port + 1));
    return OptionList.of("socket", values);
  }
}
