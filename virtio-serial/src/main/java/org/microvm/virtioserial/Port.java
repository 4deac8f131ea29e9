package org.microvm.virtioserial;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.ConsoleSize;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.PortBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A port: tracks whether the guest has it open and a host program is connected, and notifies each
 * side of the other. {@link PortTransfer} moves the bytes. Guarded by the device lock.
 */
final class Port implements PortBackend.Port, HostSession.Handler {
  private static final Logger LOG = LoggerFactory.getLogger(Port.class);

  private final DeviceContext context;
  private final PortInfo info;
  private final PortMessages messages;
  private final PortHostEnd hostEnd;
  private final PortTransfer transfer;
  private final PortTransmit transmit;
  private final PortReceive receive;
  private final PortConnection connection;
  private final PortPersistence persistence;

  /** The guest's queues from activation to reset, also while the port is not ready. */
  private PortQueues queues;

  private ConsoleSize size;

  /** The guest has reported that it set the port up (PORT_READY 1). */
  private boolean ready;

  private boolean guestOpen;
  private boolean removed;

  /** Another process continues with this port. */
  private boolean released;

  /** The guest's failure was logged; a guest may report it any number of times. */
  private boolean failureLogged;

  Port(
      DeviceContext context,
      PortInfo info,
      PortConfig config,
      PortMessages messages,
      PortBackend backend) {
    this.context = context;
    this.info = info;
    this.messages = messages;
    hostEnd = new PortHostEnd(context, backend, () -> removed || released);
    transfer = new PortTransfer(context, this, info.nr(), config);
    transmit = transfer.toHost();
    receive = transfer.toGuest();
    connection = new PortConnection(context, config, this, transmit, receive);
    persistence = new PortPersistence(info, transmit, receive, connection);
  }

  PortInfo info() {
    return info;
  }

  PortBackend backend() {
    return hostEnd.backend();
  }

  boolean isReady() {
    return ready;
  }

  /** Returns the guest's queues, or null before activation. */
  PortQueues queues() {
    return queues;
  }

  PortStatus status() {
    return new PortStatus(
        info, backend().describe(), ready, guestOpen, connection.isOpen(), transfer.statistics());
  }

  /** Starts the backend and reports the new port to listeners. */
  void start() {
    fire(PortListener::portAdded);
    hostEnd.start(this);
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
    messages.postProperties(connection.isOpen(), size);
    transfer.requestTransmit();
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
    transfer.requestReceive();
    backend().guestOpened();
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
    transfer.requestReceive();
    backend().guestClosed();
    fire(PortListener::guestClosed);
    if (connection.guestClosed()) {
      transfer.requestTransmit();
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
    return persistence.save(ready, guestOpen, size);
  }

  /**
   * Restores the state of another port, whose queues this one has been given. If a host program was
   * connected there and none is here, the guest is notified that it disconnected.
   *
   * @throws StateException if the name or kind differs, or more bytes were kept than this port's
   *     limits allow
   */
  void restore(PortState state, StateInput input) throws StateException {
    persistence.check(state, input);
    size = state.size().orElse(null);
    ready = state.ready() && queues != null;
    guestOpen = state.guestOpen() && ready;
    persistence.restore(state, ready ? queues : null, guestOpen ? queues : null);
    if (guestOpen) {
      backend().guestOpened();
      fire(PortListener::guestOpened);
    }
    if (connection.isOpen() && state.lastBuffers() >= 0) {
      connection.endAfter(state.lastBuffers());
    }
    if (state.hostOpen() && !connection.isOpen() && ready) {
      messages.postHostOpen(false);
    }
    transfer.requestTransmit();
    transfer.requestReceive();
  }

  /** Returns the connection to the host program, or null. */
  HostConnection connection() {
    return connection.connection();
  }

  /**
   * Continues with a connection of another port, without a notification to the guest. Must be
   * called before {@link #restore} and before the loop runs.
   */
  void adopt(HostConnection hostConnection) throws ErrnoException {
    connection.open(hostConnection, backend().log());
    backend().adopted();
    fire(PortListener::hostConnected);
  }

  /**
   * Drains the connection as {@link HostSession#drainInput} does. This port keeps a copy of the
   * bytes for its guest; the returned ones are for the port that continues in its place.
   */
  byte[] drainInput() throws ErrnoException {
    if (!connection.takesInput()) {
      return new byte[0];
    }
    byte[] rest = connection.drainInput();
    injectInput(rest);
    return rest;
  }

  /** Appends drained bytes of the host program to those that are kept. */
  void injectInput(byte[] bytes) {
    receive.injectInput(bytes);
    transfer.requestReceive();
  }

  /**
   * Releases guest memory and the connection, because another port continues with both. {@link
   * #endConnecting} has to follow.
   */
  void release() {
    released = true;
    connection.release();
    ready = false;
    guestOpen = false;
    queues = null;
    transmit.queues(null);
    receive.queues(null);
  }

  /**
   * Ends what makes connections to a port that was released: their programs would get bytes that
   * the other port delivers, too, and then wait for a guest that is gone.
   */
  void endConnecting() {
    backend().guestLeft();
  }

  /** Sets a console's size and keeps it for guests that start later. */
  void resize(ConsoleSize newSize) {
    if (newSize.equals(size)) {
      return;
    }
    size = newSize;
    messages.resized(size);
    if (ready) {
      messages.postSize(size);
      context.locked(messages::send);
    }
  }

  /** Disconnects the host program, if there is one; what it has not received yet waits. */
  void disconnect() {
    if (connection.isOpen()) {
      connection.release();
      disconnected();
      hostEnd.connectionClosed();
    }
  }

  /**
   * Exchanges the host end, while the guest keeps the port. Called on the loop, so that the old one
   * cannot be about to hand over a connection.
   */
  void exchange(PortBackend next) {
    if (connection.isOpen()) {
      connection.release();
      disconnected();
    }
    hostEnd.exchange(next);
    if (guestOpen) {
      next.guestOpened();
    }
    hostEnd.start(this);
  }

  /** Ends the port without waiting for the guest. The queues stay with the port number. */
  void remove() {
    removed = true;
    transfer.transmit(); // a last time, as much as the host program accepts
    guestClosed();
    if (connection.isOpen()) {
      connection.release();
      fire(PortListener::hostDisconnected);
    }
    transfer.close();
    fire(PortListener::portRemoved);
    backend().close();
  }

  /** Outputs a byte of the emergency write field on this console. */
  void emergencyWrite(byte value) {
    transmit.append(value);
    transfer.transmit();
  }

  /** Handles new transmit buffers. */
  void transmitBuffersAdded() {
    transfer.transmitReady();
  }

  /** Handles new receive buffers. */
  void receiveBuffersAdded() {
    transfer.receiveBuffersAdded();
  }

  @Override
  public EventLoop loop() {
    return context.loop();
  }

  @Override
  public boolean isConsole() {
    return info.console();
  }

  @Override
  public void resized(ConsoleSize newSize) {
    context.locked(
        () -> {
          if (info.console() && !removed) {
            resize(newSize);
          }
        });
  }

  @Override
  public void connected(HostConnection hostConnection) {
    context.locked(() -> connect(hostConnection));
  }

  @Override
  public void ready(HostSession whose, boolean input, boolean output) {
    ReentrantLock outer = context.lock().enter();
    try {
      if (connection.isCurrent(whose) && output) {
        transfer.transmitReady();
      }
      if (connection.isCurrent(whose) && input) {
        transfer.receiveReady();
      }
    } finally {
      context.lock().exit(outer);
    }
  }

  private void connect(HostConnection hostConnection) {
    if (removed || released) {
      hostConnection.close();
      return;
    }
    if (connection.isOpen()) {
      throw new IllegalStateException(info + " is connected already: " + backend().describe());
    }
    try {
      connection.open(hostConnection, backend().log());
    } catch (ErrnoException e) {
      LOG.warn(
          "{}: cannot watch the connection of {}, which is closed: {}",
          info,
          backend().describe(),
          e.getMessage());
      hostEnd.connectionClosed();
      return;
    }
    fire(PortListener::hostConnected);
    showHostOpen(true);
    transfer.transmit();
    transfer.receive();
  }

  /** Handles the end of a turn in either direction: the connection may be finished. */
  void transferred() {
    if (!removed && connection.closeIfFinished()) {
      disconnected();
      hostEnd.connectionClosed();
    }
  }

  private void disconnected() {
    fire(PortListener::hostDisconnected);
    // After the bytes: they are already in the used ring.
    showHostOpen(false);
    transfer.requestTransmit();
  }

  private void showHostOpen(boolean open) {
    if (ready) {
      messages.postHostOpen(open);
      context.locked(messages::send);
    }
  }

  private void fire(BiConsumer<PortListener, PortInfo> event) {
    context.listeners().fire(event, info);
  }
}
