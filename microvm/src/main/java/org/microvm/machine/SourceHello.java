package org.microvm.machine;

import java.io.IOException;
import java.util.Optional;
import org.microvm.devices.state.StateInput;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.Topology;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.x86.CpuFeatures;

/**
 * The first message of a migration source, which describes its guest. Each check throws an
 * exception if that guest cannot run here.
 */
final class SourceHello {
  private SourceHello() {}

  /**
   * Checks the protocol, the memory and the number of vCPUs.
   *
   * @return the rest of the message
   */
  static StateInput check(Frame hello, MachineConfig config) throws IOException {
    if (hello.argument() != MigrationStream.VERSION) {
      throw new IOException(
          "the source uses protocol version %d, accepted is %d"
              .formatted(hello.argument(), MigrationStream.VERSION));
    }
    StateInput input = new StateInput("hello", MigrationStream.VERSION, hello.payload());
    long memory = input.getLong();
    int cpus = input.getInt();
    if (memory != config.memoryBytes() || cpus != config.cpus()) {
      throw new IOException(
          "the guest has %d vCPUs and %d bytes of memory, this machine %d and %d"
              .formatted(cpus, memory, config.cpus(), config.memoryBytes()));
    }
    return input;
  }

  /** Checks that this host has the CPU features that the guest uses. */
  static void checkCpu(StateInput hello, CpuFeatures here) throws IOException {
    // An older source does not send its CPU features.
    if (hello.remaining() > 0) {
      Optional<String> missing = CpuFeatures.read(hello).missingOn(here);
      if (missing.isPresent()) {
        throw new IOException(missing.get());
      }
    }
  }

  /** Checks that the vCPUs are grouped alike. */
  static void checkTopology(StateInput hello, Topology here) throws IOException {
    // A source that sends no topology offers its vCPUs as cores of one socket.
    Topology guest = hello.remaining() > 0 ? Topology.read(hello) : Topology.ofCores(here.cpus());
    if (!guest.equals(here)) {
      throw new IOException(
          "the guest's vCPUs are grouped as %s, this machine's as %s".formatted(guest, here));
    }
  }
}
