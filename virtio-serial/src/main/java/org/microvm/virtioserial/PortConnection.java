package org.microvm.virtioserial;

import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.virtioserial.backend.HostConnection;

/**
 * The connection of a port's host program: at most one {@link HostSession} at a time, which both
 * directions use. Guarded by the device lock.
 */
final class PortConnection {
  /**
   * Most bytes drained from one socket: more than its buffer holds, unless the host's limits are
   * raised.
   */
  static final int MAX_DRAINED_BYTES = 8 << 20;

  private final DeviceContext context;
  private final PortConfig config;
  private final HostSession.Handler handler;
  private final PortTransmit transmit;
  private final PortReceive receive;
  private HostSession session;

  /**
   * The session ends once the host program has received what the guest sent before it closed the
   * port.
   */
  private boolean ending;

  PortConnection(
      DeviceContext context,
      PortConfig config,
      HostSession.Handler handler,
      PortTransmit transmit,
      PortReceive receive) {
    this.context = context;
    this.config = config;
    this.handler = handler;
    this.transmit = transmit;
    this.receive = receive;
  }

  /** Whether a host program is connected. */
  boolean isOpen() {
    return session != null;
  }

  /** Whether this is the present session. */
  boolean isCurrent(HostSession other) {
    return session == other;
  }

  /** Returns the present session's connection, or null. */
  HostConnection connection() {
    return session == null ? null : session.connection();
  }

  /**
   * Starts a session; there must be none.
   *
   * @param connection closed if this fails
   * @param log also gets what the host program receives; null for none
   * @throws ErrnoException if the event loop cannot watch the connection
   */
  void open(HostConnection connection, Fd log) throws ErrnoException {
    session = new HostSession(connection, context.loop(), context.lock(), handler);
    session.log(log);
    transmit.session(session);
    receive.session(session);
  }

  /**
   * Handles the guest's close. With {@link GuestClose#DISCONNECT} the session will end once the
   * host program has received what the guest has sent so far.
   *
   * @return whether it will end and was not going to do so before
   */
  boolean guestClosed() {
    if (session == null || ending || config.guestClose() != GuestClose.DISCONNECT) {
      return false;
    }
    ending = true;
    receive.endSession();
    context.locked(transmit::endSession);
    return true;
  }

  /** Lets the session end after a number of buffers, which comes from a saved state. */
  void endAfter(int buffers) {
    ending = true;
    receive.endSession();
    transmit.endSessionAfter(buffers);
  }

  /**
   * Ends the session if the host program has disconnected and the guest has all of its bytes, or if
   * the guest has closed the port ({@link GuestClose#DISCONNECT}) and the host program has all of
   * the guest's bytes.
   *
   * <p>A guest that receives no more until it can send waits for the next host program. So the rest
   * of this one's bytes is then kept for the guest.
   *
   * @return whether it has ended now
   */
  boolean closeIfFinished() {
    if (session == null) {
      return false;
    }
    boolean gone = session.outputEnded() && (isAllDelivered() || isAllKept());
    boolean closedByGuest = ending && (transmit.isEnded() || session.outputEnded());
    if (!gone && !closedByGuest) {
      return false;
    }
    if (closedByGuest) {
      receive.dropInput(session);
    }
    release();
    return true;
  }

  private boolean isAllDelivered() {
    return session.inputEnded() && receive.backlogSize() == 0;
  }

  private boolean isAllKept() {
    return transmit.isHeldBack() && receive.keepRest();
  }

  /** Closes the session, if there is one, and no longer lets either direction use it. */
  void release() {
    if (session != null) {
      session.close();
      session = null;
    }
    ending = false;
    transmit.session(null);
    receive.session(null);
  }

  /** Whether a host program is connected whose bytes the guest may still get. */
  boolean takesInput() {
    return session != null && !ending;
  }

  /** Drains a connection that {@link #takesInput}, as {@link HostSession#drainInput} does. */
  byte[] drainInput() throws ErrnoException {
    return session.drainInput(MAX_DRAINED_BYTES);
  }
}
