package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.backend.NullBackend;

/** Saved states from an untrusted source: a state that no device can have written is refused. */
@Timeout(120)
class HostileStateTest {
  private static final String NAME = "virtio.0";
  private static final String DEVICE = NAME + ".device";
  private static final String REGISTERS = NAME + ".transport";

  @TempDir private Path directory;
  private SerialMachine machine;
  private byte[] device;
  private byte[] registers;

  @BeforeEach
  void bootAndSave() throws Exception {
    machine = new SerialMachine(directory);
    machine.device.addPort(PortConfig.named("a"), NullBackend.open());
    machine.guest.boot();
    machine.introduce(1);
    machine.guest.open(1);
    machine.guest.write(1, "waiting".getBytes());
    machine.idle();
    StateWriter writer = new StateWriter();
    CompletableFuture.runAsync(() -> machine.transport.save(writer, NAME), machine.loop::execute)
        .join();
    StateReader reader = StateReader.of(writer.toByteArray());
    device = payload(reader.take(DEVICE, 1));
    registers = payload(reader.take(REGISTERS, 1));
  }

  @AfterEach
  void close() {
    machine.close();
  }

  private static byte[] payload(StateInput input) throws StateException {
    byte[] bytes = new byte[input.remaining()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) input.getByte();
    }
    return bytes;
  }

  /** Restores a device in the same memory and has it serve all queues. */
  private void restore(byte[] deviceState, byte[] registerState) throws Exception {
    StateWriter writer = new StateWriter();
    put(writer.section(DEVICE, 1, SectionPolicy.REQUIRED), deviceState);
    put(writer.section(REGISTERS, 1, SectionPolicy.REQUIRED), registerState);
    try (EventLoop loop = EventLoop.open("restored");
        SerialDevice restored = new SerialDevice(loop, SerialConfig.defaults())) {
      restored.addPort(PortConfig.named("a"), NullBackend.open());
      VirtioMmioTransport transport =
          new VirtioMmioTransport(restored, machine.guest.ram().memory(), () -> {});
      transport.restore(StateReader.of(writer.toByteArray()), NAME);
      transport.resume();
    }
  }

  private static void put(StateOutput section, byte[] bytes) {
    for (byte value : bytes) {
      section.putByte(value);
    }
  }

  private void refuse(String reason, byte[] deviceState) {
    StateException refused =
        assertThrows(StateException.class, () -> restore(deviceState, registers));
    assertTrue(refused.getMessage().contains(reason), refused.getMessage());
  }

  private SerialState saved() throws StateException {
    return SerialState.read(new StateInput(DEVICE, 1, device));
  }

  private static byte[] bytes(SerialState state) {
    StateOutput output = new StateOutput();
    state.write(output);
    return output.toByteArray();
  }

  private byte[] withSlot(UnaryOperator<SlotState> change) throws StateException {
    SerialState state = saved();
    List<SlotState> slots = new ArrayList<>(state.slots());
    slots.set(1, change.apply(slots.get(1)));
    return bytes(new SerialState(state.driverReady(), state.outbox(), slots));
  }

  private byte[] withPort(UnaryOperator<PortState> change) throws StateException {
    return withSlot(
        slot ->
            new SlotState(
                slot.driverState(),
                slot.unanswered(),
                slot.replaced(),
                slot.hasStaleData(),
                slot.port().map(change)));
  }

  private byte[] withMessage(ControlMessage message) throws StateException {
    SerialState state = saved();
    return bytes(new SerialState(state.driverReady(), List.of(message), state.slots()));
  }

  private static PortState sent(PortState port, boolean ready, long offset, int lastBuffers) {
    return new PortState(
        port.name(),
        port.console(),
        ready,
        ready,
        port.hostOpen(),
        offset,
        lastBuffers,
        port.fromGuest(),
        port.toGuest(),
        port.size());
  }

  @Test
  void stateAsItWasSaved_isAccepted() throws Exception {
    restore(device, registers);
  }

  @Test
  void sendingOffset_inFrontOfTheBuffer_isRefused() throws Exception {
    refuse("a field has value -65536", withPort(port -> sent(port, true, -65536, -1)));
    refuse("a field has value", withPort(port -> sent(port, true, (1L << 32) + 1, -1)));
  }

  @Test
  void sendingOffset_behindTheBuffer_ends() throws Exception {
    restore(withPort(port -> sent(port, true, 1L << 32, -1)), registers);
  }

  @Test
  void lastBuffers_moreThanTheRingHas_areRefused() throws Exception {
    refuse("a field has value 65", withPort(port -> sent(port, true, 0, 65)));
  }

  @Test
  void portThatTheGuestHasNotSetUp_withDataOnItsWay_isRefused() throws Exception {
    refuse("not set up", withPort(port -> sent(port, false, 1, -1)));
    refuse("not set up", withPort(port -> sent(port, false, 0, 1)));
  }

  @Test
  void name_withControlCharacters_isRefused() throws Exception {
    refuse(
        "name",
        withPort(
            port ->
                new PortState(
                    Optional.of("a\033[2J"),
                    port.console(),
                    port.ready(),
                    port.guestOpen(),
                    port.hostOpen(),
                    0,
                    -1,
                    port.fromGuest(),
                    port.toGuest(),
                    port.size())));
  }

  @Test
  void size_ofAPortThatIsNoConsole_isRefused() throws Exception {
    refuse(
        "has a size",
        withPort(
            port ->
                new PortState(
                    port.name(),
                    port.console(),
                    port.ready(),
                    port.guestOpen(),
                    port.hostOpen(),
                    0,
                    -1,
                    port.fromGuest(),
                    port.toGuest(),
                    Optional.of(new ConsoleSize(80, 25)))));
  }

  @Test
  void portThatTheGuestKnows_withoutAPort_isRefused() throws Exception {
    for (PortSlot.DriverState driverState :
        List.of(PortSlot.DriverState.PRESENT, PortSlot.DriverState.REMEMBERED)) {
      refuse(
          "knows a port",
          withSlot(slot -> new SlotState(driverState, 0, false, false, Optional.empty())));
    }
  }

  @Test
  void portThatWasReplaced_andIsNotRemembered_isRefused() throws Exception {
    refuse(
        "was replaced",
        withSlot(slot -> new SlotState(slot.driverState(), 0, true, false, slot.port())));
  }

  @Test
  void unansweredMessages_nearTheLargestNumber_areRefused() throws Exception {
    refuse(
        "a field has value",
        withSlot(
            slot ->
                new SlotState(slot.driverState(), Integer.MAX_VALUE, false, false, slot.port())));
  }

  @Test
  void controlMessage_thatNoDeviceSends_isRefused() throws Exception {
    for (int event : new int[] {ControlEvent.DEVICE_READY, ControlEvent.PORT_READY, 8, 0xffff}) {
      refuse("control message", withMessage(ControlMessage.of(1, event, 0)));
    }
    refuse("control message", withMessage(ControlMessage.of(1, ControlEvent.PORT_OPEN, 2)));
    refuse("control message", withMessage(ControlMessage.of(1, ControlEvent.PORT_NAME, 1)));
    refuse("control message", withMessage(ControlMessage.of(1, ControlEvent.RESIZE, 0)));
    refuse("port number", withMessage(ControlMessage.of(8, ControlEvent.PORT_ADD, 0)));
  }

  @Test
  void everyByteOfTheDevice_changed_isRefusedOrHarmless() throws Exception {
    for (int i = 0; i < device.length; i++) {
      for (int value : new int[] {0, 1, 2, 0x7f, 0x80, 0xff}) {
        byte[] changed = device.clone();
        changed[i] = (byte) value;
        tryToRestore(changed, registers);
      }
    }
  }

  @Test
  void everyByteOfTheRegisters_changed_isRefusedOrHarmless() throws Exception {
    for (int i = 0; i < registers.length; i++) {
      for (int value : new int[] {0, 1, 0x7f, 0x80, 0xff}) {
        byte[] changed = registers.clone();
        changed[i] = (byte) value;
        tryToRestore(device, changed);
      }
    }
  }

  /** Any other exception than a refusal fails the test. */
  private void tryToRestore(byte[] deviceState, byte[] registerState) throws Exception {
    try {
      restore(deviceState, registerState);
    } catch (StateException e) {
      assertTrue(e.getMessage().contains(NAME), e.getMessage());
    }
  }
}
