package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import org.junit.jupiter.api.BeforeEach;
import org.microvm.virtioserial.backend.PortBackend;

/** A guest, and ports for host ends. */
abstract class BackendFixture extends SerialMachineFixture {
  @BeforeEach
  void start() throws Exception {
    guest.boot();
  }

  Host second(int nr) throws Exception {
    try (Host first = machine.connect("a")) {
      Host second = Host.connect(machine.path("a"));
      guest.write(nr, "for the first".getBytes());
      assertEquals("for the first", first.readText(13));
      machine.idle();
      assertTrue(machine.events.all().stream().noneMatch("host connected a"::equals));
      return second;
    }
  }

  InetSocketAddress tcpAddress(int nr) {
    String[] words = machine.status(nr).backend().split("[:,]");
    return new InetSocketAddress(words[1], Integer.parseInt(words[2]));
  }

  ServerSocketChannel server() throws Exception {
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(machine.path("server")));
    return server;
  }

  int add(PortBackend backend) throws Exception {
    int nr = machine.device.addPort(PortConfig.named("a"), backend).nr();
    machine.introduce(nr);
    return nr;
  }
}
