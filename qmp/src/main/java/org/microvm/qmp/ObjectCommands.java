package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/**
 * The objects that clients add for later use: TLS credentials, which migrations use, and sources of
 * random bytes, which nothing uses, because the entropy device is always there.
 */
final class ObjectCommands {
  /** The types of objects that can be added. */
  static final List<String> TYPES = List.of("rng-builtin", "rng-random", "tls-creds-x509");

  private static final List<String> SOURCES = List.of("/dev/urandom", "/dev/random");

  /**
   * An object.
   *
   * @param type one of {@link #TYPES}
   * @param directory of credentials; empty for others
   */
  private record Added(String type, Optional<Path> directory) {}

  private final Map<String, Added> objects = new TreeMap<>();

  void addTo(QmpCommands commands) {
    commands.add("object-add", this::add);
    commands.add("object-del", this::remove);
  }

  private JsonNode add(QmpArguments arguments) throws QmpException {
    String type = arguments.choice("qom-type", TYPES);
    String id = arguments.text("id");
    Optional<Path> directory = Optional.empty();
    if (type.equals("tls-creds-x509")) {
      directory = Optional.of(credentials(arguments));
    } else {
      arguments.optionalFlag("opened");
    }
    if (type.equals("rng-random")) {
      String source = arguments.optionalText("filename").orElse(SOURCES.getFirst());
      if (!SOURCES.contains(source)) {
        throw QmpException.generic(
            "Could not open '%s': random bytes come from the kernel", source);
      }
    }
    arguments.finish();
    PortCommands.checkId(id);
    if (objects.containsKey(id) || id.equals(InfoCommands.RAM)) {
      throw QmpException.generic(
          "attempt to add duplicate property '%s' to object (type 'container')", id);
    }
    objects.put(id, new Added(type, directory));
    return null;
  }

  private static Path credentials(QmpArguments arguments) throws QmpException {
    String directory = arguments.text("dir");
    arguments.optionalChoice("endpoint", List.of("client", "server"));
    boolean verified = arguments.optionalFlag("verify-peer").orElse(true);
    for (String name : List.of("loaded", "sanity-check")) {
      arguments.optionalFlag(name);
    }
    for (String name : List.of("priority", "passwordid")) {
      if (arguments.optionalText(name).isPresent()) {
        throw QmpException.generic("Parameter '%s' is not supported", name);
      }
    }
    if (!verified) {
      throw QmpException.generic(
          "Parameter 'verify-peer' is not supported: it must be true, both ends are verified");
    }
    try {
      return Path.of(directory);
    } catch (InvalidPathException e) {
      throw QmpException.generic("Parameter 'dir' is not a path: %s", e.getReason());
    }
  }

  private JsonNode remove(QmpArguments arguments) throws QmpException {
    String id = arguments.text("id");
    arguments.finish();
    if (objects.remove(id) == null) {
      throw QmpException.generic("object '%s' not found", id);
    }
    return null;
  }

  /** Returns the directory of credentials with this id; empty if there are none. */
  Optional<Path> credentials(String id) {
    Added object = objects.get(id);
    return object == null ? Optional.empty() : object.directory();
  }

  /** Passes the id and the type of each object. */
  void forEach(BiConsumer<String, String> action) {
    objects.forEach((id, object) -> action.accept(id, object.type()));
  }
}
