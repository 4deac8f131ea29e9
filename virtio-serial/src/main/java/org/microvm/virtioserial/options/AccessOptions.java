package org.microvm.virtioserial.options;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.microvm.linux.SocketAccess;
import org.microvm.linux.SocketMode;

/** Reads and writes the options that restrict the peers of a unix socket. */
public final class AccessOptions {
  private static final String MODE = "mode";
  private static final String USER = "allow-uid";
  private static final String GROUP = "allow-gid";

  /** The mode of a socket whose connections are checked one by one. */
  private static final SocketMode ALL = SocketMode.parse("0666");

  private AccessOptions() {}

  /**
   * Takes {@code mode=}, {@code allow-uid=} and {@code allow-gid=}. If a user or group is allowed,
   * the mode is 0666 unless another is given: each connection is checked.
   *
   * @param options from which the values are taken
   * @return the permitted peers; this process's user and root if nothing is given
   * @throws OptionException if a value is not accepted, or the permissions keep out a user who is
   *     allowed
   */
  public static SocketAccess take(OptionList options) throws OptionException {
    Optional<String> mode = options.take(MODE);
    OptionalInt user = number(options, USER);
    OptionalInt group = number(options, GROUP);
    if (user.isEmpty() && group.isEmpty()) {
      return SocketAccess.of(ChardevOptions.mode(mode));
    }
    SocketMode given = mode.isEmpty() ? ALL : ChardevOptions.mode(mode);
    if (given.isOwners()) {
      throw new OptionException(
          "%s: %s= and %s= have no effect with mode=0600, which keeps others out"
              .formatted(options.kind(), USER, GROUP));
    }
    return new SocketAccess(given, user, group);
  }

  private static OptionalInt number(OptionList options, String name) throws OptionException {
    int number = options.takeNumber(name, -1);
    return number < 0 ? OptionalInt.empty() : OptionalInt.of(number);
  }

  /**
   * Adds the values that are not the default to those of an option, by name.
   *
   * @param access the permitted peers
   * @param options receives the values
   */
  public static void addTo(SocketAccess access, Map<String, String> options) {
    if (!access.mode().isOwners()) {
      options.put(MODE, access.mode().toString());
    }
    access.user().ifPresent(user -> options.put(USER, String.valueOf(user)));
    access.group().ifPresent(group -> options.put(GROUP, String.valueOf(group)));
  }
}
