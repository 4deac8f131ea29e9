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
 *       but slow one.
 * </ul>
 *
 * @param name what the guest finds the port by; none is legal, but then udev makes no link
 * @param nr the port number, or {@link #ANY}
 * @param console whether the guest is to run a text console on it (hvc in Linux)
 * @param cacheBuffers whether bytes are kept while the other side is away
 * @param byteLimit bytes from the guest kept by the VMM, from 0 on
 * @param guestByteLimit bytes from the host kept by the VMM, from 0 on
 */
public record PortConfig(
    Optional<String> name,
    int nr,
    boolean console,
    boolean cacheBuffers,
    int byteLimit,
    int guestByteLimit) {
  /** Lets the device choose: the lowest free number, and 0 only for a console. */
  public static final int ANY = -1;

  /** Default of both limits: 1 MiB. */
  public static final int DEFAULT_LIMIT = 1 << 20;

  /** The largest limit, so that a slip of the pen does not take all memory: 1 GiB. */
  public static final int MAX_LIMIT = 1 << 30;

  /** Bytes in the longest name: udev makes a file name of it. */
  public static final int MAX_NAME_BYTES = 255;

  /** Checks name, number and limits. */
  public PortConfig {
    name.ifPresent(PortConfig::checkName);
    if (nr < ANY) {
      throw new IllegalArgumentException("nr=%d is not a port number".formatted(nr));
    }
    checkLimit("byte_limit", byteLimit);
    checkLimit("guest_byte_limit", guestByteLimit);
  }

  /** A generic port of this name, everything else by default. */
  public static PortConfig named(String name) {
    return new PortConfig(Optional.of(name), ANY, false, true, DEFAULT_LIMIT, DEFAULT_LIMIT);
  }

  /** A generic port without a name, everything else by default. */
  public static PortConfig unnamed() {
    return new PortConfig(Optional.empty(), ANY, false, true, DEFAULT_LIMIT, DEFAULT_LIMIT);
  }

  /** A console port without a name, everything else by default. */
  public static PortConfig forConsole() {
    return new PortConfig(Optional.empty(), ANY, true, true, DEFAULT_LIMIT, DEFAULT_LIMIT);
  }

  /** The same with a name. */
  public PortConfig withName(String newName) {
    return new PortConfig(
        Optional.of(newName), nr, console, cacheBuffers, byteLimit, guestByteLimit);
  }

  /** The same with a number. */
  public PortConfig withNr(int number) {
    return new PortConfig(name, number, console, cacheBuffers, byteLimit, guestByteLimit);
  }

  /** The same with caching on or off. */
  public PortConfig withCacheBuffers(boolean on) {
    return new PortConfig(name, nr, console, on, byteLimit, guestByteLimit);
  }

  /** The same with another limit for bytes from the guest. */
  public PortConfig withByteLimit(int bytes) {
    return new PortConfig(name, nr, console, cacheBuffers, bytes, guestByteLimit);
  }

  /** The same with another limit for bytes from the host. */
  public PortConfig withGuestByteLimit(int bytes) {
    return new PortConfig(name, nr, console, cacheBuffers, byteLimit, bytes);
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

  private static void checkLimit(String what, int bytes) {
    if (bytes < 0 || bytes > MAX_LIMIT) {
      throw new IllegalArgumentException(
          "%s=%d is not from 0 to %d".formatted(what, bytes, MAX_LIMIT));
    }
  }
}
