package org.microvm.virtioserial;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A serial device without ports, and its driver in a guest that has not booted. */
abstract class SerialMachineFixture {
  @TempDir Path directory;
  SerialMachine machine;
  Guest guest;

  @BeforeEach
  final void createMachine() throws Exception {
    machine = new SerialMachine(directory);
    guest = machine.guest;
  }

  @AfterEach
  final void closeMachine() {
    machine.close();
  }
}
