package org.microvm.devices.virtio;

import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.memory.GuestMemory;

/**
 * Saves and restores a transport and its device, each as a section of the state. The device lock is
 * held for all of it but the reading of a section.
 */
final class TransportPersistence {
  /** The suffixes of the names of the two sections in a saved state. */
  private static final String DEVICE_SECTION = ".device";

  private static final String REGISTER_SECTION = ".transport";

  private final VirtioDevice device;
  private final GuestMemory memory;
  private final TransportRegisters registers;
  private final InterruptRegisters interrupts;

  TransportPersistence(
      VirtioDevice device,
      GuestMemory memory,
      TransportRegisters registers,
      InterruptRegisters interrupts) {
    this.device = device;
    this.memory = memory;
    this.registers = registers;
    this.interrupts = interrupts;
  }

  /** Writes both sections. */
  void save(StateWriter writer, String name) {
    // The device first, because requests that it completes now change the registers.
    device.save(
        writer.section(name + DEVICE_SECTION, device.stateVersion(), SectionPolicy.REQUIRED));
    interrupts.take();
    registers
        .state()
        .write(
            writer.section(
                name + REGISTER_SECTION, TransportState.VERSION, SectionPolicy.REQUIRED));
  }

  /**
   * The sections of a saved state.
   *
   * @param registers the registers' state
   * @param registerInput where it was read from, for messages
   * @param device the input of the device's state
   */
  record Saved(TransportState registers, StateInput registerInput, StateInput device) {}

  /** Reads what {@link #save} wrote; changes nothing yet. */
  Saved read(StateReader reader, String name) throws StateException {
    StateInput input = reader.take(name + REGISTER_SECTION, TransportState.VERSION);
    TransportState state = TransportState.read(input);
    return new Saved(state, input, reader.take(name + DEVICE_SECTION, device.stateVersion()));
  }

  /**
   * Restores registers and queues; the device is left to the caller.
   *
   * @throws StateException if it is not the state of a device of this type
   */
  void restore(Saved saved) throws StateException {
    check(saved);
    if (!registers.restore(saved.registers())) {
      throw saved
          .registerInput()
          .damaged(
              "the guest uses features that this device does not offer, or registers contradict"
                  + " each other");
    }
    QueueBank queues = registers.queues();
    try {
      queues.restore(saved.registers().queues(), memory, registers.features().negotiated());
    } catch (VirtqueueException e) {
      throw saved.registerInput().damaged(e.getMessage());
    }
    if (registers.needsReset()) {
      queues.stop();
    }
  }

  private void check(Saved saved) throws StateException {
    TransportState state = saved.registers();
    int queues = registers.queues().count();
    if (state.deviceId() != device.deviceId() || state.queues().size() != queues) {
      throw saved
          .registerInput()
          .damaged(
              "it belongs to virtio device %d with %d queues, this is device %d with %d"
                  .formatted(state.deviceId(), state.queues().size(), device.deviceId(), queues));
    }
  }
}
