package org.microvm.virtioserial;

import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.HostLink;
import org.microvm.virtioserial.backend.PortBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A port: what the guest and the host program know of each other, and when bytes may move. Guarded
 * by the device lock.
 */
final class Port implements PortBackend.Port, HostSession.Handler {
  private static final Logger LOG = LoggerFactory.getLogger(Port.class);

  private final DeviceCore core;
  private final ControlQueue control;
  private final ResizeOrder resizeOrder;
  private final PortInfo info;
  private final PortBackend backend;
  private final PortCounters counters = new PortCounters();
  private final PortTransmit transmit;
  private final PortReceive receive;
  private final Turn transmitTurn;
  private final Turn receiveTurn;

  /** The guest's queues from activation to reset, whether it is ready to use them or not. */
  private PortQueues queues;

  private HostSession session;
  private ConsoleSize size;

  /** The guest has said that it has set the port up. */
  private boolean ready;

  private boolean guestOpen;
  private boolean removed;

  Port(
      DeviceCore core,
      ControlQueue control,
      ResizeOrder resizeOrder,
      int nr,
      PortConfig config,
      PortBackend backend) {
    this.core = core;
    this.control = control;
    this.resizeOrder = resizeOrder;
    this.backend = backend;
    info = new PortInfo(nr, config.name(), config.console());
    transmit = new PortTransmit(core, config, counters);
    receive = new PortReceive(core, config, counters);
    transmitTurn = new Turn(core, this::transmit);
    receiveTurn = new Turn(core, this::receive);
  }

  PortInfo info() {
    return info;
  }

  PortBackend backend() {
    return backend;
  }

  boolean isReady() {
    return ready;
  }

  PortStatus status() {
    PortStatistics statistics =
        new PortStatistics(
            counters.bytesFromGuest,
            counters.chainsFromGuest,
            counters.bytesToGuest,
            counters.chainsToGuest,
            transmit.kept(),
            receive.kept(),
            counters.bytesDropped,
            counters.bytesCopied,
            counters.hostStalls,
            counters.guestStalls,
            counters.malformed);
    return new PortStatus(info, backend.describe(), ready, guestOpen, session != null, statistics);
  }

  /** The port exists from now on. */
  void start() {
    fire(PortListener::portAdded);
    onLoop(() -> backend.start(this));
  }

  /** The driver has set the device up. */
  void activated(PortQueues active) {
    queues = active;
  }

  /** The driver has set the port up, or says so again, and asks for what there is to know. */
  void guestReady() throws VirtqueueException {
    ready = true;
    transmit.queues(queues);
    if (info.console()) {
      control.post(ControlMessage.of(info.nr(), ControlEvent.CONSOLE_PORT, 1));
    }
    info.name().ifPresent(name -> control.post(ControlMessage.name(info.nr(), name)));
    if (session != null || info.console()) {
      control.postOpen(info.nr(), true);
    }
    sendSize();
    transmitTurn.request();
  }

  /** The driver could not set the port up. */
  void guestFailed() {
    LOG.warn("the guest could not set up {}", info);
    ready = false;
    guestClosed();
    transmit.queues(null);
    fire(PortListener::portFailed);
  }

  /** A program in the guest has opened the port, or the driver uses it as a console. */
  void guestOpened() {
    if (guestOpen) {
      return;
    }
    guestOpen = true;
    receive.queues(queues);
    receiveTurn.request();
    backend.guestOpened();
    fire(PortListener::guestOpened);
  }

  /** Nothing may be put into receive buffers from now on. */
  void guestClosed() {
    if (!guestOpen) {
      return;
    }
    guestOpen = false;
    receive.queues(null);
    // What comes from the host now is kept or dropped.
    receiveTurn.request();
    backend.guestClosed();
    fire(PortListener::guestClosed);
  }

  /** The driver has taken the transmit queue away. */
  void sendingStopped() {
    if (ready) {
      transmit.queues(queues);
    }
  }

  /** The driver is gone; host program, name and number stay. */
  void reset() {
    guestClosed();
    ready = false;
    queues = null;
    transmit.queues(null);
  }

  /** What {@link #restore} takes. */
  PortState state() {
    return new PortState(
        info.name(),
        info.console(),
        ready,
        guestOpen,
        session != null,
        transmit.offset(),
        transmit.keptBytes(),
        receive.keptBytes(),
        Optional.ofNullable(size));
  }

  /**
   * Goes on where another port was, whose queues this one has been given. If a host program was
   * connected there and none is here, the guest hears that it has left.
   *
   * @throws StateException if it was a port of another kind
   */
  void restore(PortState state, StateInput input) throws StateException {
    if (!state.name().equals(info.name()) || state.console() != info.console()) {
      throw input.damaged(
          "port %d was %s, here it is %s"
              .formatted(info.nr(), new PortInfo(info.nr(), state.name(), state.console()), info));
    }
    if (state.fromGuest().length > transmit.limit() || state.toGuest().length > receive.limit()) {
      throw input.damaged(info + " keeps more bytes than its limits allow here");
    }
    size = state.size().orElse(null);
    ready = state.ready() && queues != null;
    guestOpen = state.guestOpen() && ready;
    transmit.restore(ready ? queues : null, state.sendingOffset(), state.fromGuest());
    receive.restore(guestOpen ? queues : null, state.toGuest());
    if (guestOpen) {
      backend.guestOpened();
      fire(PortListener::guestOpened);
    }
    if (state.hostOpen() && session == null && ready && !info.console()) {
      control.postOpen(info.nr(), false);
    }
    transmitTurn.request();
    receiveTurn.request();
  }

  /** The connection to the host program, or null. */
  HostLink link() {
    return session == null ? null : session.link();
  }

  /**
   * Goes on with a connection that another port had, so that the guest hears nothing of it; before
   * {@link #restore}, and before the loop runs.
   */
  void adopt(HostLink link) throws ErrnoException {
    session = new HostSession(link, core.loop(), core.lock(), this);
    transmit.session(session);
    receive.session(session);
    backend.adopted();
    fire(PortListener::hostConnected);
  }

  /** Lets go of guest and host program, for another port goes on with both. */
  void release() {
    if (session != null) {
      session.close();
      session = null;
    }
    transmit.session(null);
    receive.session(null);
    ready = false;
    guestOpen = false;
    queues = null;
    transmit.queues(null);
    receive.queues(null);
  }

  /** A console's size, for now and for a guest that comes later. */
  void resize(ConsoleSize newSize) throws VirtqueueException {
    size = newSize;
    if (ready) {
      sendSize();
      control.send();
    }
  }

  /** Ends the port. Its queues stay with its number. */
  void remove() throws VirtqueueException {
    removed = true;
    transmit(); // a last time, to a host program that takes it
    guestClosed();
    if (session != null) {
      session.close();
      session = null;
      fire(PortListener::hostDisconnected);
    }
    if (queues != null) {
      queues.discardSending(counters);
    }
    transmit.close();
    receive.close();
    fire(PortListener::portRemoved);
    backend.close();
  }

  /** An emergency write, for which this console was chosen. */
  void emergencyWrite(byte value) throws VirtqueueException {
    transmit.append(value);
    transmit();
  }

  /** There are transmit buffers, or the host takes bytes again. */
  void transmit() throws VirtqueueException {
    if (transmit.run()) {
      transmitTurn.request();
    }
    endSession();
  }

  /** There are receive buffers. */
  void receiveBuffersAdded() throws VirtqueueException {
    if (receive.isStarved()) {
      receive();
    }
  }

  @Override
  public EventLoop loop() {
    return core.loop();
  }

  @Override
  public void connected(HostLink link) {
    core.locked(() -> connect(link));
  }

  @Override
  public void ready(HostSession whose, boolean input, boolean output) {
    ReentrantLock outer = core.lock().enter();
    try {
      if (whose == session && output) {
        transmit();
      }
      if (whose == session && input) {
        receive();
      }
    } catch (VirtqueueException e) {
      core.failed(e);
    } finally {
      core.lock().exit(outer);
    }
  }

  private void connect(HostLink link) throws VirtqueueException {
    if (removed) {
      link.close();
      return;
    }
    if (session != null) {
      throw new IllegalStateException(info + " is connected already: " + backend.describe());
    }
    try {
      session = new HostSession(link, core.loop(), core.lock(), this);
    } catch (ErrnoException e) {
      LOG.warn("{}: connection of {} lost: {}", info, backend.describe(), e.getMessage());
      onLoop(backend::linkClosed);
      return;
    }
    transmit.session(session);
    receive.session(session);
    fire(PortListener::hostConnected);
    showHostOpen(true);
    transmit();
    receive();
  }

  private void receive() throws VirtqueueException {
    if (receive.run()) {
      receiveTurn.request();
    }
    endSession();
  }

  /** If the host program is gone and the guest has all of its bytes, says so. */
  private void endSession() throws VirtqueueException {
    boolean over =
        session != null
            && session.inputEnded()
            && session.outputEnded()
            && receive.kept() == 0
            && !removed;
    if (!over) {
      return;
    }
    session.close();
    session = null;
    transmit.session(null);
    receive.session(null);
    fire(PortListener::hostDisconnected);
    // Behind the bytes: they are in the used ring.
    showHostOpen(false);
    transmitTurn.request();
    onLoop(backend::linkClosed);
  }

  private void showHostOpen(boolean open) throws VirtqueueException {
    // A console is always open: the guest may write whether somebody looks or not.
    if (ready && !info.console()) {
      control.postOpen(info.nr(), open);
      control.send();
    }
  }

  private void sendSize() {
    if (size != null && info.console()) {
      control.post(ControlMessage.resize(info.nr(), size, resizeOrder));
    }
  }

  private void onLoop(Runnable call) {
    core.execute(
        () ->
            core.locked(
                () -> {
                  if (!removed) {
                    call.run();
                  }
                }));
  }

  private void fire(BiConsumer<PortListener, PortInfo> event) {
    core.listeners().fire(listener -> event.accept(listener, info));
  }
}
