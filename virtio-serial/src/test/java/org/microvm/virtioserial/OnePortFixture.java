package org.microvm.virtioserial;

import org.junit.jupiter.api.BeforeEach;

/** A serial device with the port "a" on a unix socket, whose name and state the guest knows. */
abstract class OnePortFixture extends SerialMachineFixture {
  int nr;

  @BeforeEach
  final void addPort() throws Exception {
    nr = machine.addUnix("a");
    guest.boot();
    machine.introduce(nr);
  }
}
