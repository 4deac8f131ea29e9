package org.microvm.virtioserial.backend;

import java.net.Inet4Address;
import java.net.InetSocketAddress;

/** Limits TCP backends to loopback addresses of IPv4. */
public final class Loopback {
  private Loopback() {}

  /**
   * Checks an address.
   *
   * @param address resolved or not
   * @throws IllegalArgumentException if it is not a loopback address of IPv4; the message names it
   */
  public static void check(InetSocketAddress address) {
    if (address.getAddress() == null || !address.getAddress().isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "host=%s: only loopback addresses are accepted (no encryption or authentication)"
              .formatted(address.getHostString()));
    }
    if (!(address.getAddress() instanceof Inet4Address)) {
      throw new IllegalArgumentException(
          "host=%s is not an IPv4 address".formatted(address.getHostString()));
    }
  }

  static String text(InetSocketAddress address) {
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }
}
