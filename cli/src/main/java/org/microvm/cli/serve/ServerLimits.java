package org.microvm.cli.serve;

import java.io.IOException;

/**
 * The limits of a server. Not thread-safe.
 *
 * <p>Memory is the RAM of guests, in bytes; guests of one snapshot share pages and use less.
 */
public final class ServerLimits {
  private final int maxMachines;
  private final long maxBytes;
  private final long maxGuestBytes;
  private int machines;
  private long bytes;

  /**
   * Creates limits of a server without machines.
   *
   * @param maxMachines the most machines at a time; at least 1
   * @param maxBytes the most memory of all guests together
   * @param maxGuestBytes the most memory of a guest
   */
  public ServerLimits(int maxMachines, long maxBytes, long maxGuestBytes) {
    this.maxMachines = maxMachines;
    this.maxBytes = maxBytes;
    this.maxGuestBytes = maxGuestBytes;
  }

  /**
   * Adds a machine.
   *
   * @param guestBytes its memory
   * @throws IOException if it would exceed a limit; the message names that
   */
  public void add(long guestBytes) throws IOException {
    if (guestBytes > maxGuestBytes) {
      throw new IOException(
          "the server accepts guests of at most %s (serve --max-guest-memory), not %s"
              .formatted(mebi(maxGuestBytes), mebi(guestBytes)));
    }
    if (machines >= maxMachines) {
      throw new IOException(
          "the server has reached its limit of %d machines (serve --max-machines)"
              .formatted(maxMachines));
    }
    if (guestBytes > maxBytes - bytes) {
      throw new IOException(
          "the server's guests use %s of their %s of memory (serve --max-memory); a guest with %s does not fit"
              .formatted(mebi(bytes), mebi(maxBytes), mebi(guestBytes)));
    }
    machines++;
    bytes += guestBytes;
  }

  /**
   * Removes a machine.
   *
   * @param guestBytes RAM of the guest in bytes, the same as when it was added
   */
  public void remove(long guestBytes) {
    machines--;
    bytes -= guestBytes;
  }

  private static String mebi(long bytes) {
    return (bytes >> 20) + " MiB";
  }
}
