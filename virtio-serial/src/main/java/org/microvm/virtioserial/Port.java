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
 * A port: what the guest and the host program know of each other, and when bytes may move. Guarded
 * by the device lock.
 */
final class Port implements PortBackend.Port, HostSession.Handler {
  private static final Logger LOG = LoggerFactory.getLogger(Port.class);

  /** More than a socket's buffer holds unless the host's limits have been raised. */
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

  /** Made once, for nothing is allocated where bytes move. */
  private final BooleanSupplier hasReply = this::hasReply;

  /** The guest's queues from activation to reset, whether it is ready to use them or not. */
  private PortQueues queues;

  private HostSession session;
  private ConsoleSize size;

  /** The guest has said that it has set the port up. */
  private boolean ready;

  private boolean guestOpen;
  private boolean removed;

  /** The session ends when the host program has what the guest sent before it closed the port. */
  private boolean ending;

  /** The guest's failure to set the port up was logged; a guest may repeat it without end. */
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
  void guestReady() {
    if (!ready) {
      // Once only: a buffer that is gone in part must not begin anew.
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

  /** The driver could not set the port up. */
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
    if (session != null && config.guestClose() == GuestClose.DISCONNECT && !ending) {
      ending = true;
      receive.endSession();
      core.locked(transmit::endSession);
      transmitTurn.request();
    }
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
        transmit.lastBuffers(),
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
    if (state.fromGuest().length > transmit.limit()
        || state.toGuest().length > (long) receive.limit() + MOST_REST) {
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

  /**
   * Ends what the host program sends, as {@link HostSession#takeRest}; what it has sent is for this
   * port's guest, and for another port that goes on in its place.
   */
  byte[] takeRest() throws ErrnoException {
    if (session == null || ending) {
      return new byte[0];
    }
    byte[] rest = session.takeRest(MOST_REST);
    giveRest(rest);
    return rest;
  }

  /** Bytes that the host program had sent, after those that are kept. */
  void giveRest(byte[] bytes) {
    receive.giveRest(bytes);
    receiveTurn.request();
  }

  /** Lets go of guest and host program, for another port goes on with both. */
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

  /** A console's size, for now and for a guest that comes later. */
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

  /** Ends the port, come what may from the guest. Its queues stay with its number. */
  void remove() {
    removed = true;
    transmit(); // a last time, to a host program that takes it
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

  /** An emergency write, for which this console was chosen. */
  void emergencyWrite(byte value) {
    transmit.append(value);
    transmit();
  }

  /** There are transmit buffers; whoever has a turn coming waits for that. */
  void transmitBuffersAdded() {
    if (!transmitTurn.isRequested()) {
      transmit();
    }
  }

  /** There are receive buffers. */
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
   * Moves bytes to the host program, a turn's worth; a guest that breaks the ring ends just that.
   */
  private void transmit() {
    long before = counters.fromGuest.buffers;
    boolean more;
    try {
      more = transmit.run();
    } catch (VirtqueueException e) {
      core.failed(e);
      more = true; // without the guest, and that cannot fail
    }
    if (more) {
      transmitTurn.request();
    }
    if (counters.fromGuest.buffers != before) {
      replyWait.replied();
    }
    endSession();
  }

  /** Moves bytes to the guest, as {@link #transmit}. */
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

  /** The guest has been given bytes; its reply may be there before a sleep would have begun. */
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

  /**
   * Ends the session if the host program is gone and the guest has all of its bytes, or if the
   * guest wants it and the host program has all of the guest's.
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
    // Behind the bytes: they are in the used ring.
    showHostOpen(false);
    transmitTurn.request();
    onLoop(backend::linkClosed);
  }

  private void showHostOpen(boolean open) {
    // A console is always open: the guest may write whether somebody looks or not.
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
