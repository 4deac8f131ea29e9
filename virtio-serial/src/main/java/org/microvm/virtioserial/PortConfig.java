package org.microvm.virtioserial;

import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The properties of a port and its limits.
 *
 * <p><b>The limits</b> bound the bytes that the VMM itself keeps. The host kernel's socket buffers
 * and the guest's own rings hold further bytes.
 *
 * <ul>
 *   <li><i>Guest to host.</i> While no host program is connected, guest data stays in the ring.
 *       Once more than a quarter of the ring is in use, the oldest buffers are moved to host
 *       memory, up to {@code byteLimit} bytes; after that the guest is held back. A connected but
 *       slow host program holds the guest back only through the ring, so that nothing is copied.
 *   <li><i>Host to guest.</i> While the guest has the port closed, host data is read into host
 *       memory, up to {@code guestByteLimit} bytes; after that the host program is held back. An
 *       open but slow guest holds it back at once, so that nothing is copied.
 *   <li>All ports of a device together keep at most {@link #MAX_LIMIT} bytes. When these are spent,
 *       each port holds its sender back as at its own limit.
 *   <li>With {@code cacheBuffers} off, data for a side that is not connected is dropped and
 *       counted.
 *   <li>A console port never holds the guest back. Of the output that its host program has not
 *       taken, whether it is slow or not connected, the newest {@code byteLimit} bytes are kept;
 *       older ones are dropped and counted. For the same reason a console has no rate limit.
 * </ul>
 *
 * @param name the name by which the guest finds the port; without one udev creates no link
 * @param nr the port number, or {@link #ANY}
 * @param console whether the guest uses the port as a text console (hvc in Linux)
 * @param buffering what the VMM keeps for a side that is not connected
 * @param rate the rate limit
 * @param guestClose what happens to the host program's connection when the guest closes the port
 */
public record PortConfig(
    Optional<String> name,
    int nr,
    boolean console,
    Buffering buffering,
    RateLimit rate,
    GuestClose guestClose) {
  /** The device chooses the number: the lowest free one, and 0 only for a console. */
  public static final int ANY = -1;

  /** The default of both limits: 1 MiB. */
  public static final int DEFAULT_LIMIT = Buffering.DEFAULT_LIMIT;

  /** The largest limit: 64 MiB, for all ports of a device together. */
  public static final int MAX_LIMIT = Buffering.MAX_LIMIT;

  /**
   * Length of the longest name in bytes, the limit of a file name, because udev makes a file name
   * of it.
   */
  public static final int MAX_NAME_BYTES = 255;

  /** Checks name and number, and refuses options that a console cannot have. */
  public PortConfig {
    name.ifPresent(PortConfig::checkName);
    if (nr < ANY) {
      throw new IllegalArgumentException("nr=%d is not a port number".formatted(nr));
    }
    if (console && !rate.equals(RateLimit.NONE)) {
      throw new IllegalArgumentException(
          "bps= and ops= are not accepted for a console: its driver spins until output is used");
    }
    if (console && guestClose == GuestClose.DISCONNECT) {
      throw new IllegalArgumentException(
          "guest_close=disconnect is not accepted for a console: its driver keeps it open");
    }
  }

  /**
   * {@return the default configuration of a generic port with this name}
   *
   * @param name 1 to {@value #MAX_NAME_BYTES} bytes of UTF-8 that can be a file name in the guest
   */
  public static PortConfig named(String name) {
    return unnamed().withName(name);
  }

  /** {@return the default configuration of a generic port without a name} */
  public static PortConfig unnamed() {
    return withDefaults(false);
  }

  /** {@return the default configuration of a console port without a name} */
  public static PortConfig forConsole() {
    return withDefaults(true);
  }

  private static PortConfig withDefaults(boolean console) {
    return new PortConfig(
        Optional.empty(), ANY, console, Buffering.DEFAULT, RateLimit.NONE, GuestClose.HOLD);
  }

  /**
   * {@return a copy with a name}
   *
   * @param newName 1 to {@value #MAX_NAME_BYTES} bytes of UTF-8 that can be a file name in the
   *     guest
   */
  public PortConfig withName(String newName) {
    return new PortConfig(Optional.of(newName), nr, console, buffering, rate, guestClose);
  }

  /**
   * {@return a copy with a number}
   *
   * @param number the port number, or {@link #ANY}
   */
  public PortConfig withNr(int number) {
    return new PortConfig(name, number, console, buffering, rate, guestClose);
  }

  /**
   * {@return a copy with other rules for keeping bytes}
   *
   * @param rules whether bytes are kept, and how many
   */
  public PortConfig withBuffering(Buffering rules) {
    return new PortConfig(name, nr, console, rules, rate, guestClose);
  }

  /**
   * {@return a copy that keeps bytes for a side that is not connected, or drops them}
   *
   * @param on true to keep bytes
   */
  public PortConfig withCacheBuffers(boolean on) {
    return withBuffering(new Buffering(on, byteLimit(), guestByteLimit()));
  }

  /**
   * {@return a copy with another limit for bytes from the guest}
   *
   * @param bytes 0 to {@value #MAX_LIMIT}
   */
  public PortConfig withByteLimit(int bytes) {
    return withBuffering(new Buffering(cacheBuffers(), bytes, guestByteLimit()));
  }

  /**
   * {@return a copy with another limit for bytes from the host}
   *
   * @param bytes 0 to {@value #MAX_LIMIT}
   */
  public PortConfig withGuestByteLimit(int bytes) {
    return withBuffering(new Buffering(cacheBuffers(), byteLimit(), bytes));
  }

  /**
   * {@return a copy with another rate limit}
   *
   * @param limit the new limit, {@link RateLimit#NONE} for none
   */
  public PortConfig withRate(RateLimit limit) {
    return new PortConfig(name, nr, console, buffering, limit, guestClose);
  }

  /**
   * {@return a copy with another rule for the connection when the guest closes the port}
   *
   * @param fate what happens to the connection
   */
  public PortConfig withGuestClose(GuestClose fate) {
    return new PortConfig(name, nr, console, buffering, rate, fate);
  }

  /** {@return whether bytes are kept while the other side is not connected} */
  public boolean cacheBuffers() {
    return buffering.cacheBuffers();
  }

  /** {@return the most bytes from the guest that the VMM keeps} */
  public int byteLimit() {
    return buffering.byteLimit();
  }

  /** {@return the most bytes from the host that the VMM keeps} */
  public int guestByteLimit() {
    return buffering.guestByteLimit();
  }

  /** Whether the guest can have a file of this name. */
  static boolean isName(String name) {
    boolean odd = name.chars().anyMatch(c -> Character.isISOControl(c) || c == '/');
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    return !odd
        && length > 0
        && length <= MAX_NAME_BYTES
        && !name.equals(".")
        && !name.equals("..");
  }

  private static void checkName(String name) {
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "port name \"%s\" cannot be a file name in the guest: accepted are 1 to %d bytes"
                  .formatted(name, MAX_NAME_BYTES)
              + " without / and control characters, except . and ..");
    }
  }
}
