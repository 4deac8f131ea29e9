package org.microvm.virtioserial;

import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What a port is and what it promises.
 *
 * <p><b>The limits</b> bound what the VMM itself keeps. They come on top of what the kernel's
 * socket buffers hold on the host and of what sits in the guest's own rings.
 *
 * <ul>
 *   <li><i>Guest to host.</i> While no host program is connected, guest data stays in the ring.
 *       Once a quarter of the ring is taken, the oldest buffers are moved to host memory, up to
 *       {@code byteLimit} bytes; after that the guest is held back. A connected but slow host
 *       program holds the guest back through the ring alone, so that nothing is copied.
 *   <li><i>Host to guest.</i> While the guest has the port closed, host data is read into host
 *       memory, up to {@code guestByteLimit} bytes; after that the host program is held back. An
 *       open but slow guest holds it back at once, so that nothing is copied.
 *   <li>With {@code cacheBuffers} off, data for a side that is away is dropped and counted.
 *   <li>A console port never holds the guest back: what its host program does not take is kept in
 *       the newest {@code byteLimit} bytes, the oldest dropped and counted, also for a connected
 *       but slow one. For the same reason it has no rate limit.
 * </ul>
 *
 * @param name what the guest finds the port by; none is legal, but then udev makes no link
 * @param nr the port number, or {@link #ANY}
 * @param console whether the guest is to run a text console on it (hvc in Linux)
 * @param buffering what the VMM keeps for a side that is away
 * @param rate how fast it may be
 * @param guestClose what becomes of the host program's connection when the guest closes the port
 */
public record PortConfig(
    Optional<String> name,
    int nr,
    boolean console,
    Buffering buffering,
    RateLimit rate,
    GuestClose guestClose) {
  /** Lets the device choose: the lowest free number, and 0 only for a console. */
  public static final int ANY = -1;

  /** Default of both limits: 1 MiB. */
  public static final int DEFAULT_LIMIT = Buffering.DEFAULT_LIMIT;

  /** The largest limit: 1 GiB. */
  public static final int MAX_LIMIT = Buffering.MAX_LIMIT;

  /** Bytes in the longest name: udev makes a file name of it. */
  public static final int MAX_NAME_BYTES = 255;

  /** Checks name and number, and what does not go together. */
  public PortConfig {
    name.ifPresent(PortConfig::checkName);
    if (nr < ANY) {
      throw new IllegalArgumentException("nr=%d is not a port number".formatted(nr));
    }
    if (console && !rate.equals(RateLimit.NONE)) {
      throw new IllegalArgumentException(
          "bps= and ops= are not for a console: its driver spins until its output is taken");
    }
    if (console && guestClose == GuestClose.DISCONNECT) {
      throw new IllegalArgumentException(
          "guest_close=disconnect is not for a console: its driver keeps it open");
    }
  }

  /** A generic port of this name, everything else by default. */
  public static PortConfig named(String name) {
    return unnamed().withName(name);
  }

  /** A generic port without a name, everything else by default. */
  public static PortConfig unnamed() {
    return withDefaults(false);
  }

  /** A console port without a name, everything else by default. */
  public static PortConfig forConsole() {
    return withDefaults(true);
  }

  private static PortConfig withDefaults(boolean console) {
    return new PortConfig(
        Optional.empty(), ANY, console, Buffering.DEFAULT, RateLimit.NONE, GuestClose.HOLD);
  }

  /** The same with a name. */
  public PortConfig withName(String newName) {
    return new PortConfig(Optional.of(newName), nr, console, buffering, rate, guestClose);
  }

  /** The same with a number. */
  public PortConfig withNr(int number) {
    return new PortConfig(name, number, console, buffering, rate, guestClose);
  }

  /** The same with other rules for keeping bytes. */
  public PortConfig withBuffering(Buffering rules) {
    return new PortConfig(name, nr, console, rules, rate, guestClose);
  }

  /** The same with caching on or off. */
  public PortConfig withCacheBuffers(boolean on) {
    return withBuffering(new Buffering(on, byteLimit(), guestByteLimit()));
  }

  /** The same with another limit for bytes from the guest. */
  public PortConfig withByteLimit(int bytes) {
    return withBuffering(new Buffering(cacheBuffers(), bytes, guestByteLimit()));
  }

  /** The same with another limit for bytes from the host. */
  public PortConfig withGuestByteLimit(int bytes) {
    return withBuffering(new Buffering(cacheBuffers(), byteLimit(), bytes));
  }

  /** The same with another rate limit. */
  public PortConfig withRate(RateLimit limit) {
    return new PortConfig(name, nr, console, buffering, limit, guestClose);
  }

  /** The same with another fate for connections when the guest closes the port. */
  public PortConfig withGuestClose(GuestClose fate) {
    return new PortConfig(name, nr, console, buffering, rate, fate);
  }

  /** Whether bytes are kept while the other side is away. */
  public boolean cacheBuffers() {
    return buffering.cacheBuffers();
  }

  /** Most bytes from the guest kept by the VMM. */
  public int byteLimit() {
    return buffering.byteLimit();
  }

  /** Most bytes from the host kept by the VMM. */
  public int guestByteLimit() {
    return buffering.guestByteLimit();
  }

  private static void checkName(String name) {
    boolean odd = name.chars().anyMatch(c -> Character.isISOControl(c) || c == '/');
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    if (odd || length == 0 || length > MAX_NAME_BYTES || name.equals(".") || name.equals("..")) {
      throw new IllegalArgumentException(
          "port name \"%s\": the guest makes a file name of it, so 1 to %d bytes, no / and no"
                  .formatted(name, MAX_NAME_BYTES)
              + " control characters");
    }
  }
}
