package org.microvm.virtioserial.backend;

import java.net.InetSocketAddress;

/** The addresses that TCP is limited to. */
final class Loopback {
  private Loopback() {}

  static void check(InetSocketAddress address) {
    if (address.getAddress() == null || !address.getAddress().isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "host=%s: only loopback addresses, for nothing here encrypts or authenticates"
              .formatted(address.getHostString()));
    }
  }

  static String text(InetSocketAddress address) {
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }
}
