package org.microvm.virtioserial;

import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.backend.HostLink;
import org.microvm.virtioserial.backend.PortBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A port: tracks whether guest and host program are connected, and schedules the transfer of bytes
 * in both directions. Guarded by the device lock.
 */
final class Port implements PortBackend.Port, HostSession.Handler {
  private static final Logger LOG = LoggerFactory.getLogger(Port.class);

  /**
   * Most bytes drained from one socket: more than its buffer holds, unless the host's limits are
   * raised.
   */
  private static final int MOST_REST = 8 << 20;

  private final DeviceCore core;
  private final ControlQueue control;
  private final ConsoleSizes sizes;
  private final PortInfo info;
  private final PortConfig config;
  private final PortBackend backend;
  private final PortCounters counters;
  private final PortTransmit transmit;
  private final PortReceive receive;
  private final Turn transmitTurn;
  private final Turn receiveTurn;
  private final ReplyWait replyWait = new ReplyWait();

  /** Created once, so that transferring bytes allocates nothing. */
  private final BooleanSupplier hasReply = this::hasReply;

  /** The guest's queues from activation to reset, also while the port is not ready. */
  private PortQueues queues;

  private HostSession session;
  private ConsoleSize size;

  /** The guest has reported that it set the port up (PORT_READY 1). */
  private boolean ready;

  private boolean guestOpen;
  private boolean removed;

  /**
   * The session ends once the host program has received what the guest sent before it closed the
   * port.
   */
  private boolean ending;

  /**
   * The guest's failure to set the port up was logged once; a guest may report it any number of
   * times.
   */
  private boolean failureLogged;

  Port(
      DeviceCore core,
      ControlQueue control,
      ConsoleSizes sizes,
      int nr,
      PortConfig config,
      PortBackend backend) {
    this.core = core;
    this.control = control;
    this.sizes = sizes;
    this.config = config;
    this.backend = backend;
    info = new PortInfo(nr, config.name(), config.console());
    transmitTurn = new Turn(core, this::transmit);
    receiveTurn = new Turn(core, this::receive);
    counters = new PortCounters(nr);
    transmit = new PortTransmit(core, config, counters, transmitTurn::request);
    receive = new PortReceive(core, config, counters, receiveTurn::request);
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
            counters.fromGuest.read(transmit.kept()),
            counters.toGuest.read(receive.kept()),
            counters.bytesCopied,
            counters.malformed);
    return new PortStatus(info, backend.describe(), ready, guestOpen, session != null, statistics);
  }

  /** Starts the backend and reports the new port to listeners. */
  void start() {
    fire(PortListener::portAdded);
    onLoop(() -> backend.start(this));
  }

  /** Takes the port's queues once the driver has activated the device. */
  void activated(PortQueues active) {
    queues = active;
  }

  /** Handles PORT_READY 1, which the driver may repeat: answers with the port's properties. */
  void guestReady() {
    if (!ready) {
      // Only once: a buffer that was sent in part must not be sent from its start again.
      ready = true;
      transmit.queues(queues);
    }
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

  /** Handles PORT_READY 0: the driver could not set the port up. */
  void guestFailed() {
    if (!failureLogged) {
      failureLogged = true;
      LOG.warn("the guest could not set up {}", info);
    }
    ready = false;
    guestClosed();
    transmit.discard();
    fire(PortListener::portFailed);
  }

  /**
   * Handles PORT_OPEN 1: a program in the guest opened the port, or the driver uses it as a
   * console.
   */
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

  /** Handles the guest's close: no receive buffer may be filled from now on. */
  void guestClosed() {
    if (!guestOpen) {
      return;
    }
    guestOpen = false;
    receive.queues(null);
    // From now on bytes from the host are kept or dropped.
    receiveTurn.request();
    backend.guestClosed();
    fire(PortListener::guestClosed);
    if (session != null && config.guestClose() == GuestClose.DISCONNECT && !ending) {
      ending = true;
      receive.endSession();
      core.locked(transmit::endSession);
      transmitTurn.request();
    }
  }

  /** Handles a transmit queue that the driver has disabled. */
  void sendingStopped() {
    if (ready) {
      transmit.queues(queues);
    }
  }

  /** Handles a device reset: forgets the guest's state; host connection, name and number stay. */
  void reset() {
    guestClosed();
    ready = false;
    queues = null;
    transmit.queues(null);
  }

  /** Returns the state that {@link #restore} accepts. */
  PortState state() {
    return new PortState(
        info.name(),
        info.console(),
        ready,
        guestOpen,
        session != null,
        transmit.offset(),
        transmit.lastBuffers(),
        transmit.keptBytes(),
        receive.keptBytes(),
        Optional.ofNullable(size));
  }

  /**
   * Restores the state of another port, whose queues this one has been given. If a host program was
   * connected there and none is here, the guest is told that it disconnected.
   *
   * @throws StateException if the name or kind differs, or more bytes were kept than this port's
   *     limits allow
   */
  void restore(PortState state, StateInput input) throws StateException {
    if (!state.name().equals(info.name()) || state.console() != info.console()) {
      throw input.damaged(
          "port %d is %s in the saved state, but %s in this device"
              .formatted(info.nr(), new PortInfo(info.nr(), state.name(), state.console()), info));
    }
    if (state.fromGuest().length > transmit.limit()
        || state.toGuest().length > (long) receive.limit() + MOST_REST) {
      throw input.damaged(
          info + ": the saved state keeps more bytes than this port's limits allow");
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
    if (session != null && state.lastBuffers() >= 0) {
      ending = true;
      receive.endSession();
      transmit.endSessionAfter(state.lastBuffers());
    }
    if (state.hostOpen() && session == null && ready && !info.console()) {
      control.postOpen(info.nr(), false);
    }
    transmitTurn.request();
    receiveTurn.request();
  }

  /** Returns the connection to the host program, or null. */
  HostLink link() {
    return session == null ? null : session.link();
  }

  /**
   * Continues with a connection of another port, without a notification to the guest. Must be
   * called before {@link #restore} and before the loop runs.
   */
  void adopt(HostLink link) throws ErrnoException {
    session = new HostSession(link, core.loop(), core.lock(), this);
    transmit.session(session);
    receive.session(session);
    backend.adopted();
    fire(PortListener::hostConnected);
  }

  /**
   * Drains the connection as {@link HostSession#takeRest} does. This port keeps a copy of the bytes
   * for its guest; the returned ones are for the port that continues in its place.
   */
  byte[] takeRest() throws ErrnoException {
    if (session == null || ending) {
      return new byte[0];
    }
    byte[] rest = session.takeRest(MOST_REST);
    giveRest(rest);
    return rest;
  }

  /** Appends drained bytes of the host program to those that are kept. */
  void giveRest(byte[] bytes) {
    receive.giveRest(bytes);
    receiveTurn.request();
  }

  /** Releases guest memory and the connection, because another port continues with both. */
  void release() {
    if (session != null) {
      session.close();
      session = null;
    }
    transmit.session(null);
    receive.session(null);
    ending = false;
    ready = false;
    guestOpen = false;
    queues = null;
    transmit.queues(null);
    receive.queues(null);
  }

  /** Sets a console's size and keeps it for guests that start later. */
  void resize(ConsoleSize newSize) {
    if (newSize.equals(size)) {
      return;
    }
    size = newSize;
    sizes.changed(info.nr(), size);
    if (ready) {
      sendSize();
      core.locked(control::send);
    }
  }

  /** Ends the port whatever the guest does. The queues stay with the port number. */
  void remove() {
    removed = true;
    transmit(); // a last time, as much as the host program accepts
    guestClosed();
    if (session != null) {
      session.close();
      session = null;
      fire(PortListener::hostDisconnected);
    }
    transmit.close();
    receive.close();
    if (queues != null) {
      core.locked(() -> queues.discardSending(counters));
    }
    fire(PortListener::portRemoved);
    backend.close();
  }

  /** Outputs a byte of the emergency write field on this console. */
  void emergencyWrite(byte value) {
    transmit.append(value);
    transmit();
  }

  /** Handles new transmit buffers. A port with a scheduled turn waits for that turn. */
  void transmitBuffersAdded() {
    if (!transmitTurn.isRequested()) {
      transmit();
    }
  }

  /** Handles new receive buffers. */
  void receiveBuffersAdded() {
    if (receive.isStarved() && !receiveTurn.isRequested()) {
      receive();
    }
  }

  @Override
  public EventLoop loop() {
    return core.loop();
  }

  @Override
  public boolean isConsole() {
    return info.console();
  }

  @Override
  public void resized(ConsoleSize newSize) {
    core.locked(
        () -> {
          if (info.console() && !removed) {
            resize(newSize);
          }
        });
  }

  @Override
  public void connected(HostLink link) {
    core.locked(() -> connect(link));
  }

  @Override
  public void ready(HostSession whose, boolean input, boolean output) {
    ReentrantLock outer = core.lock().enter();
    try {
      if (whose == session && output && !transmitTurn.isRequested()) {
        transmit();
      }
      if (whose == session && input && !receiveTurn.isRequested()) {
        receive();
      }
    } finally {
      core.lock().exit(outer);
    }
  }

  /**
   * Moves at most one turn's worth of bytes to the host program. A broken ring stops only the
   * guest's side.
   */
  private void transmit() {
    long before = counters.fromGuest.buffers;
    boolean more;
    try {
      more = transmit.run();
    } catch (VirtqueueException e) {
      core.failed(e);
      more = true; // the next turn runs without the guest's queues, which cannot fail
    }
    if (more) {
      transmitTurn.request();
    }
    if (counters.fromGuest.buffers != before) {
      replyWait.replied();
    }
    endSession();
  }

  /** Moves at most one turn's worth of bytes to the guest. */
  private void receive() {
    long before = counters.toGuest.buffers;
    boolean more;
    try {
      more = receive.run();
    } catch (VirtqueueException e) {
      core.failed(e);
      more = true;
    }
    if (more) {
      receiveTurn.request();
    }
    endSession();
    if (queues != null && counters.toGuest.buffers != before) {
      given();
    }
  }

  /** Polls briefly for the guest's reply to bytes that it just received, see {@link ReplyWait}. */
  private void given() {
    boolean worthIt = replyWait.asked(queues.guestPolls());
    if (worthIt && ready && !transmitTurn.isRequested() && replyWait.await(hasReply)) {
      transmit();
    }
  }

  private boolean hasReply() {
    return queues.hasTransmitBuffers();
  }

  private void connect(HostLink link) {
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
      LOG.warn(
          "{}: cannot watch the connection of {}, which is closed: {}",
          info,
          backend.describe(),
          e.getMessage());
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

  /**
   * Ends the session if the host program has disconnected and the guest has all of its bytes, or if
   * the guest has closed the port ({@link GuestClose#DISCONNECT}) and the host program has all of
   * the guest's bytes.
   */
  private void endSession() {
    if (session == null || removed) {
      return;
    }
    boolean gone = session.inputEnded() && session.outputEnded() && receive.kept() == 0;
    boolean sentAway = ending && (transmit.isEnded() || session.outputEnded());
    if (!gone && !sentAway) {
      return;
    }
    if (sentAway) {
      receive.dropInput(session);
    }
    session.close();
    session = null;
    ending = false;
    transmit.session(null);
    receive.session(null);
    fire(PortListener::hostDisconnected);
    // After the bytes: they are already in the used ring.
    showHostOpen(false);
    transmitTurn.request();
    onLoop(backend::linkClosed);
  }

  private void showHostOpen(boolean open) {
    // A console is always shown as open: the guest may write whether a host program is connected or
    // not.
    if (ready && !info.console()) {
      control.postOpen(info.nr(), open);
      core.locked(control::send);
    }
  }

  private void sendSize() {
    if (size != null && info.console()) {
      control.post(sizes.message(info.nr(), size));
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
    core.listeners().fire(event, info);
  }
}
