package org.microvm.virtioserial;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * The ports of a device by number, and the control protocol with the driver about them. Guarded by
 * the device lock.
 */
final class Ports implements ControlQueue.Handler {
  private final DeviceContext context;
  private final ConsoleSizes sizes;
  private final ControlQueue control;
  private final PortSlot[] slots;

  /**
   * The driver accepts control messages: it sent DEVICE_READY 1, or it resumes from hibernation.
   */
  private boolean driverReady;

  Ports(DeviceContext context, SerialConfig config, ConsoleSizes sizes) {
    this.context = context;
    this.sizes = sizes;
    control = new ControlQueue(this, new CoalescedTask(context, this::serveControl)::request);
    slots = new PortSlot[config.maxPorts()];
    Arrays.setAll(slots, nr -> new PortSlot(context, nr));
  }

  ControlQueue control() {
    return control;
  }

  /** Returns the slot of a number, which must be in range. */
  PortSlot slot(int nr) {
    return slots[nr];
  }

  /** Returns the ports in order of their numbers. */
  Stream<Port> all() {
    return Arrays.stream(slots).map(PortSlot::port).filter(Objects::nonNull);
  }

  /** Returns the port with this number, or null. */
  Port find(int nr) {
    return nr >= 0 && nr < slots.length ? slots[nr].port() : null;
  }

  /**
   * Returns the port with this number.
   *
   * @throws PortException if there is none
   */
  Port require(int nr) throws PortException {
    Port port = find(nr);
    if (port == null) {
      throw new PortException("there is no port " + nr);
    }
    return port;
  }

  /**
   * Returns the port with this name.
   *
   * @throws PortException if there is none
   */
  Port require(String name) throws PortException {
    Port port = find(name);
    if (port == null) {
      throw new PortException("there is no port named \"%s\"".formatted(name));
    }
    return port;
  }

  private Port find(String name) {
    Optional<String> wanted = Optional.of(name);
    return all().filter(port -> port.info().name().equals(wanted)).findFirst().orElse(null);
  }

  /** Creates and starts a port, which the caller then has to {@link #announce}. */
  Port add(PortConfig config, PortBackend backend) throws PortException {
    if (config.guestClose() == GuestClose.DISCONNECT && !backend.canDisconnect()) {
      throw new PortException(
          "guest_close=disconnect: %s has no client that could be disconnected"
              .formatted(backend.describe()));
    }
    checkLimit("byte_limit", config.byteLimit());
    checkLimit("guest_byte_limit", config.guestByteLimit());
    PortSlot slot = slots[choose(config)];
    PortInfo info = new PortInfo(slot.nr, config.name(), config.console());
    PortMessages messages = new PortMessages(info, control, sizes);
    Port port = new Port(context, info, config, messages, backend);
    slot.occupy(port);
    port.start();
    return port;
  }

  private void checkLimit(String what, int bytes) throws PortException {
    long most = context.budget().limit();
    if (bytes > most) {
      throw new PortException(
          "%s=%d: the ports of this device keep at most %d bytes together"
              .formatted(what, bytes, most));
    }
  }

  /** Announces a new port to the guest. */
  void announce(Port port) throws VirtqueueException {
    if (control.isActive()) {
      announceNew();
      control.send();
    } else if (context.queues() != null && port.info().nr() == 0) {
      attachSinglePort(slots[0]);
    }
  }

  void remove(Port port) throws VirtqueueException {
    try {
      port.remove();
    } finally {
      // Even if a host end of another module fails to close.
      vacate(slots[port.info().nr()]);
    }
  }

  private void vacate(PortSlot slot) throws VirtqueueException {
    slot.vacate();
    switch (slot.driverState) {
      case PRESENT -> announceRemoval(slot);
      case REMEMBERED -> slot.replaced = true;
      case ABSENT -> {}
    }
    control.send();
  }

  /** Takes the queues once the driver has activated the device. */
  void activate(VirtioQueues queues, boolean multiport) throws VirtqueueException {
    connect(queues, multiport);
    if (!multiport && slots[0].port() != null) {
      attachSinglePort(slots[0]);
    }
  }

  private void connect(VirtioQueues queues, boolean multiport) {
    for (PortSlot slot : slots) {
      if (slot.nr == 0 || multiport) {
        int first = QueueLayout.receiveQueue(slot.nr);
        slot.activate(new PortQueues(queues, queues.queue(first), queues.queue(first + 1)));
      }
    }
    if (multiport) {
      control.activate(
          queues,
          queues.queue(QueueLayout.CONTROL_RECEIVE),
          queues.queue(QueueLayout.CONTROL_TRANSMIT));
    }
  }

  /** Returns the state that {@link #restore} accepts. */
  SerialState state() {
    return new SerialState(
        driverReady, control.unsent(), Arrays.stream(slots).map(PortSlot::state).toList());
  }

  /**
   * Restores the state of another device's ports. Ports that exist only in this device are
   * announced to the driver.
   *
   * @param queues the queues, or null if the driver had not activated the device
   * @throws StateException if the number of possible ports differs, or a port of the state is
   *     missing in this device
   */
  void restore(SerialState state, StateInput input, VirtioQueues queues, boolean multiport)
      throws StateException {
    if (state.slots().size() != slots.length) {
      throw input.damaged(
          "the saved device has max_ports=%d, this one has max_ports=%d"
              .formatted(state.slots().size(), slots.length));
    }
    if (queues != null) {
      connect(queues, multiport);
    }
    driverReady = state.driverReady();
    if (control.isActive()) {
      control.restore(state.outbox());
    }
    for (PortSlot slot : slots) {
      slot.restore(state.slots().get(slot.nr), input);
    }
    if (control.isActive()) {
      announceNew();
    }
  }

  /** Releases guest memory and all connections, because another device continues with them. */
  void release() {
    driverReady = false;
    control.reset();
    for (PortSlot slot : slots) {
      slot.release();
    }
  }

  void reset() {
    driverReady = false;
    for (PortSlot slot : slots) {
      slot.reset(
          control.isPending(slot.nr, ControlEvent.PORT_ADD),
          control.isPending(slot.nr, ControlEvent.PORT_REMOVE));
    }
    control.reset();
  }

  @Override
  public boolean received(int nr, int event, int value) throws VirtqueueException {
    if (event == ControlEvent.DEVICE_READY) {
      deviceReady(value != 0);
      return true;
    }
    if (nr < 0 || nr >= slots.length) {
      return false;
    }
    return switch (event) {
      case ControlEvent.PORT_READY -> portReady(slots[nr], value != 0);
      case ControlEvent.PORT_OPEN -> portOpen(slots[nr], value != 0);
      default -> false;
    };
  }

  private void deviceReady(boolean success) {
    driverReady = success;
    for (PortSlot slot : slots) {
      if (slot.driverState == PortSlot.DriverState.REMEMBERED) {
        // A driver that starts from scratch remembers no ports.
        slot.driverState = PortSlot.DriverState.ABSENT;
        slot.replaced = false;
      }
    }
    announceNew();
  }

  private boolean portReady(PortSlot slot, boolean success) throws VirtqueueException {
    if (slot.driverState == PortSlot.DriverState.ABSENT) {
      return slot.acceptStaleAnswer();
    }
    driverReady = true;
    if (slot.driverState == PortSlot.DriverState.REMEMBERED && slot.replaced) {
      slot.replaced = false;
      announceRemoval(slot);
    } else if (slot.unanswered > 1) {
      // The answer is about an earlier port of this number; the one for the present port follows.
      slot.unanswered--;
    } else {
      slot.unanswered = 0;
      answer(slot, success);
    }
    announceNew();
    return true;
  }

  private static void answer(PortSlot slot, boolean success) throws VirtqueueException {
    if (success) {
      slot.ready();
    } else {
      slot.port().guestFailed();
    }
  }

  private static boolean portOpen(PortSlot slot, boolean open) {
    Port port = slot.port();
    if (port == null || !port.isReady()) {
      // The message most likely crossed with a removal.
      return slot.announced;
    }
    if (open) {
      port.guestOpened();
    } else {
      port.guestClosed();
    }
    return true;
  }

  /** Sends PORT_ADD to a driver that is ready, for each port that it does not know. */
  private void announceNew() {
    if (!driverReady) {
      return;
    }
    for (PortSlot slot : slots) {
      if (slot.port() != null && slot.driverState == PortSlot.DriverState.ABSENT) {
        slot.driverState = PortSlot.DriverState.PRESENT;
        slot.announced = true;
        slot.unanswered++;
        control.post(ControlMessage.of(slot.nr, ControlEvent.PORT_ADD, 0));
      }
    }
  }

  /** Sends PORT_REMOVE for a removed port, or withdraws a PORT_ADD that was not delivered yet. */
  private void announceRemoval(PortSlot slot) {
    slot.driverState = PortSlot.DriverState.ABSENT;
    if (control.withdraw(slot.nr)) {
      // A guest may have answered a message that it has not received.
      slot.unanswered = Math.max(0, slot.unanswered - 1);
    } else {
      control.post(ControlMessage.of(slot.nr, ControlEvent.PORT_REMOVE, 0));
    }
  }

  /** Without MULTIPORT the guest has only port 0, a console that is always ready and open. */
  private static void attachSinglePort(PortSlot slot) {
    slot.port().guestReady();
    slot.port().guestOpened();
  }

  private void serveControl() throws VirtqueueException {
    control.serve();
  }

  private int choose(PortConfig config) throws PortException {
    Port namesake = config.name().map(this::find).orElse(null);
    if (namesake != null) {
      throw new PortException("the name is already taken by " + namesake.info());
    }
    if (config.nr() == PortConfig.ANY) {
      return lowestFree(config.console());
    }
    if (config.nr() >= slots.length) {
      throw new PortException(
          "nr=%d: the device has ports 0 to %d%s"
              .formatted(config.nr(), slots.length - 1, maxPortsAdvice()));
    }
    if (config.nr() == 0 && !config.console()) {
      throw new PortException("nr=0: port 0 is reserved for a console");
    }
    Port tenant = slots[config.nr()].port();
    if (tenant != null) {
      throw new PortException("nr=%d is already taken by %s".formatted(config.nr(), tenant.info()));
    }
    return config.nr();
  }

  private int lowestFree(boolean console) throws PortException {
    for (int nr = console ? 0 : 1; nr < slots.length; nr++) {
      if (slots[nr].port() == null) {
        return nr;
      }
    }
    throw new PortException(
        "all port numbers up to %d are taken%s".formatted(slots.length - 1, maxPortsAdvice()));
  }

  private String maxPortsAdvice() {
    return slots.length < SerialConfig.MAX_PORTS
        ? "; raise max_ports"
        : "; max_ports cannot be higher";
  }

  /** Returns the identities of the ports in order of their numbers. */
  List<PortInfo> infos() {
    return all().map(Port::info).toList();
  }
}
