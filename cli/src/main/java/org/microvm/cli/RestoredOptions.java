package org.microvm.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.virtioserial.options.ChardevOptions;
import org.microvm.virtioserial.options.ChardevSpec;
import org.microvm.virtioserial.options.LoggedSpec;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;
import org.microvm.virtioserial.options.PassedSpec;
import org.microvm.virtioserial.options.SocketSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The options of a snapshot that a restore uses: each option is followed by its value.
 *
 * <p>They are input. The author of a snapshot chooses them, so an option that opens a file, a disk
 * or a socket outside of the snapshot's directory is accepted only if this user's own {@code
 * microvm} wrote it, or if it is given again.
 */
final class RestoredOptions {
  /** Options that open nothing, whatever their values are; the machine checks the values. */
  static final List<String> HARMLESS =
      List.of(
          "--append",
          "--memory",
          "--cpus",
          "--device",
          "--on-reset",
          "--on-panic",
          "--on-halt",
          "--reset-limit",
          "--registers",
          "--acpi",
          "--host-parameters",
          "--track-dirty-pages");

  /** Options that open what they name. */
  static final List<String> OPENING = List.of("--kernel", "--initrd", "--disk", "--chardev");

  /** Options that add to each other, instead of one taking the place of another. */
  private static final List<String> ADDING = List.of("--append", "--device", "--chardev");

  private RestoredOptions() {}

  /**
   * Returns the options without those that are given again: a single value, all disks, or a chardev
   * with the same id.
   *
   * @param again the options that follow on the command line
   */
  static List<String> without(List<String> options, List<String> again) {
    if (again.isEmpty()) {
      return options;
    }
    List<OptionSpec> specs = new MachineOptions().all();
    List<String> given = new ArrayList<>();
    for (int i = 0; i < again.size(); i++) {
      String word = again.get(i);
      int equals = word.indexOf('=');
      String name = equals < 0 ? word : word.substring(0, equals);
      String value =
          equals >= 0 ? word.substring(equals + 1) : i + 1 < again.size() ? again.get(i + 1) : "";
      specs.stream()
          .filter(spec -> List.of(spec.names()).contains(name))
          .forEach(spec -> given.add(key(spec.longestName(), value)));
    }
    List<String> left = new ArrayList<>();
    for (int i = 0; i + 1 < options.size(); i += 2) {
      String key = key(options.get(i), options.get(i + 1));
      if (key.isEmpty() || !given.contains(key)) {
        left.addAll(options.subList(i, i + 2));
      }
    }
    return left;
  }

  /** The key of an option: an option replaces an earlier one with the same key; may be empty. */
  private static String key(String option, String value) {
    if (!ADDING.contains(option)) {
      return option;
    }
    try {
      Optional<String> id =
          option.equals("--chardev") ? OptionList.parse(value).take("id") : Optional.empty();
      return id.map(name -> option + " " + name).orElse("");
    } catch (OptionException e) {
      return ""; // reported when the machine's options are read
    }
  }

  /**
   * Checks the options of a snapshot from elsewhere.
   *
   * @param home the directory of the snapshot
   * @param socketsMoved whether unix sockets are in a directory that was given
   * @param sealed whether the snapshot has a seal, of somebody else
   * @throws UsageException if one is not accepted; the message says what to do
   */
  static void check(
      List<String> options, SnapshotDirectory home, boolean socketsMoved, boolean sealed) {
    String origin = origin(sealed);
    if (options.size() % 2 != 0) {
      throw new UsageException(home + ": the last option has no value");
    }
    for (int i = 0; i < options.size(); i += 2) {
      String option = options.get(i);
      String value = options.get(i + 1);
      if (!HARMLESS.contains(option) && !isAccepted(option, value, home, socketsMoved)) {
        throw new UsageException(
            "%s %s, and its option '%s %s' names a resource outside of this directory: give the option"
                    .formatted(home, origin, option, value)
                + " again, or accept all with --trust-options");
      }
    }
  }

  /**
   * Checks the files of a snapshot from elsewhere, and of its bases. A memory file that is a link
   * would give the guest the contents of another file.
   *
   * @param files the files
   * @param home the directory of the snapshot
   * @param sealed whether the snapshot has a seal, of somebody else
   * @throws UsageException if one is a link out of its directory
   */
  static void checkFiles(List<Path> files, SnapshotDirectory home, boolean sealed) {
    for (Path file : files) {
      if (!SnapshotDirectory.isInItsDirectory(file)) {
        throw new UsageException(
            "%s %s, and %s is a link to a file elsewhere: replace it by the file, or accept it with --trust-options"
                .formatted(home, origin(sealed), file));
      }
    }
  }

  private static String origin(boolean sealed) {
    return sealed ? "was not saved by this user on this host" : "has no seal of this user";
  }

  private static boolean isAccepted(
      String option, String value, SnapshotDirectory home, boolean socketsMoved) {
    return switch (option) {
      case "--kernel", "--initrd" -> home.has(Path.of(value));
      case "--disk" -> home.has(DiskOptions.parse(value).file());
      case "--chardev" ->
          ChannelOptions.read(
              option, value, list -> isAccepted(ChardevOptions.read(list), home, socketsMoved));
      default -> false;
    };
  }

  private static boolean isAccepted(
      ChardevSpec chardev, SnapshotDirectory home, boolean socketsMoved) {
    return switch (chardev) {
      case ChardevSpec.Null _,
          ChardevSpec.Ring _,
          ChardevSpec.InProcess _,
          ChardevSpec.Pty _,
          ChardevSpec.Stdio _ ->
          true;
      // A descriptor is open only if this user has passed it.
      case PassedSpec _ -> true;
      case LoggedSpec logged ->
          home.has(logged.log()) && isAccepted(logged.spec(), home, socketsMoved);
      case ChardevSpec.File file ->
          home.has(file.path()) && file.input().stream().allMatch(home::has);
      case ChardevSpec.Pipe(Path path) ->
          home.has(Path.of(path + ".in")) && home.has(Path.of(path + ".out"));
      case ChardevSpec.Clipboard(Optional<Path> path) ->
          path.isEmpty() || home.has(path.get()) || socketsMoved;
      case SocketSpec socket ->
          socket.address() instanceof SocketSpec.Unix unix
              && (home.has(unix.path())
                  // A client would connect to whatever process listens at that path.
                  || (socketsMoved && socket.role() instanceof SocketSpec.Server));
    };
  }
}
