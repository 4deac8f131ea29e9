package org.microvm.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.SocketSpec;

/** Changes paths in the options of a machine as a snapshot stores them. */
final class SavedPaths {
  private SavedPaths() {}

  /** A change of the value of an option. */
  private interface Change {
    String of(OptionList value) throws OptionException;
  }

  /**
   * Returns the options with absolute paths, so that the machine can be restored from another
   * directory.
   *
   * @throws UsageException if an option is not accepted
   */
  static List<String> absolute(List<String> options) {
    List<String> changed = changed(options, "--chardev", SavedPaths::absoluteChardev);
    changed = changed(changed, "--disk", SavedPaths::absoluteDisk);
    for (int i = 0; i + 1 < changed.size(); i += 2) {
      if (List.of("--kernel", "--initrd").contains(changed.get(i))) {
        changed.set(i + 1, absolute(changed.get(i + 1)));
      }
    }
    return changed;
  }

  private static String absoluteChardev(OptionList value) throws OptionException {
    String id = value.need("id");
    return ChardevOptions.write(id, ChardevOptions.read(value).absolute());
  }

  private static String absoluteDisk(OptionList value) {
    return OptionList.of(absolute(value.kind()), value.values()).toString();
  }

  private static String absolute(String path) {
    try {
      return Path.of(path).toAbsolutePath().toString();
    } catch (InvalidPathException e) {
      return path; // Refused where the option is read.
    }
  }

  /**
   * Returns the options with the unix sockets of all chardevs in another directory, under their
   * names. Sockets of one name from several directories get the chardev's id in front: ID-NAME.
   *
   * @throws UsageException if a chardev has an option that is not accepted, or two sockets would
   *     still have the same path
   */
  static List<String> withSocketsIn(List<String> options, Path directory) {
    Map<Path, String> ids = new LinkedHashMap<>();
    changed(options, "--chardev", value -> noted(value, ids));
    Map<Path, Path> paths = new LinkedHashMap<>();
    ids.forEach((path, id) -> paths.put(path, directory.resolve(name(path, id, ids.keySet()))));
    if (new HashSet<>(paths.values()).size() < paths.size()) {
      throw new UsageException(
          "--sockets %s: two channels would have the same socket: %s"
              .formatted(directory, paths.values()));
    }
    return changed(options, "--chardev", value -> moved(value, paths));
  }

  /** Notes the id of the first chardev of each unix socket. */
  private static String noted(OptionList value, Map<Path, String> ids) throws OptionException {
    String text = value.toString();
    String id = value.need("id");
    Path path = socket(ChardevOptions.read(value));
    if (path != null) {
      ids.putIfAbsent(path, id);
    }
    return text;
  }

  private static String name(Path path, String id, Collection<Path> all) {
    Path name = path.getFileName();
    boolean only = all.stream().filter(other -> other.getFileName().equals(name)).count() == 1;
    return only ? name.toString() : id.replace('/', '_') + "-" + name;
  }

  private static String moved(OptionList value, Map<Path, Path> paths) throws OptionException {
    String text = value.toString();
    String id = value.need("id");
    ChardevSpec spec = ChardevOptions.read(value);
    Path path = socket(spec);
    return spec.plain() instanceof SocketSpec || path != null
        ? ChardevOptions.write(id, spec.withPlain(plain -> moved(plain, paths.get(path))))
        : text;
  }

  private static ChardevSpec moved(ChardevSpec spec, Path to) {
    return switch (spec) {
      case SocketSpec socket when to != null -> socket.at(to);
      case ChardevSpec.Clipboard _ when to != null -> new ChardevSpec.Clipboard(Optional.of(to));
      default -> spec;
    };
  }

  /** The path of a unix socket; null for all other chardevs. */
  private static Path socket(ChardevSpec spec) {
    Path path =
        switch (spec.plain()) {
          case SocketSpec(SocketSpec.Unix unix, SocketSpec.Role _) -> unix.path();
          case ChardevSpec.Clipboard clipboard -> clipboard.path().orElse(null);
          default -> null;
        };
    return path == null || path.getFileName() == null ? null : path.toAbsolutePath().normalize();
  }

  private static List<String> changed(List<String> options, String option, Change change) {
    List<String> changed = new ArrayList<>(options);
    for (int i = 0; i + 1 < changed.size(); i += 2) {
      if (changed.get(i).equals(option)) {
        changed.set(i + 1, ChannelOptions.read(option, changed.get(i + 1), change::of));
      }
    }
    return changed;
  }
}
