package org.microvm.virtioserial.backend;

import java.net.InetSocketAddress;

/** Limits TCP backends to loopback addresses. */
final class Loopback {
  private Loopback() {}

  static void check(InetSocketAddress address) {
    if (address.getAddress() == null || !address.getAddress().isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "host=%s: only loopback addresses are accepted (no encryption or authentication)"
              .formatted(address.getHostString()));
    }
  }

  static String text(InetSocketAddress address) {
    return address.getAddress().getHostAddress() + ":" + address.getPort();
  }
}
