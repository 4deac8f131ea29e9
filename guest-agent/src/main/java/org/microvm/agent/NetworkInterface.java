package org.microvm.agent;

import java.util.List;
import java.util.Optional;

/**
 * A network interface of the guest.
 *
 * @param name such as {@code lo}
 * @param hardwareAddress MAC address
 * @param addresses its IP addresses
 * @param statistics its counters
 */
public record NetworkInterface(
    String name,
    Optional<String> hardwareAddress,
    List<Address> addresses,
    Optional<Statistics> statistics) {
  /**
   * An IP address.
   *
   * @param address in the usual notation
   * @param type {@code ipv4} or {@code ipv6}
   * @param prefix length of the network prefix in bits
   */
  public record Address(String address, String type, int prefix) {}

  /**
   * Counters since the interface was created.
   *
   * @param receivedBytes received bytes
   * @param receivedPackets received packets
   * @param sentBytes sent bytes
   * @param sentPackets sent packets
   */
  public record Statistics(
      long receivedBytes, long receivedPackets, long sentBytes, long sentPackets) {}

  static NetworkInterface of(Answer answer) throws AgentProtocolException {
    Optional<Statistics> statistics = Optional.empty();
    if (answer.node().has("statistics")) {
      Answer counters = new Answer(answer.command(), answer.node().get("statistics"));
      statistics =
          Optional.of(
              new Statistics(
                  counters.number("rx-bytes"),
                  counters.number("rx-packets"),
                  counters.number("tx-bytes"),
                  counters.number("tx-packets")));
    }
    return new NetworkInterface(
        answer.text("name"),
        answer.optionalText("hardware-address"),
        answer.optionalList(
            "ip-addresses",
            address ->
                new Address(
                    address.text("ip-address"),
                    address.text("ip-address-type"),
                    (int) address.number("prefix"))),
        statistics);
  }
}
