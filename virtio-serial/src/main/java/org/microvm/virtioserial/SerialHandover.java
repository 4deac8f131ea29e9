package org.microvm.virtioserial;

import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.linux.ErrnoException;
import org.microvm.virtioserial.backend.HostConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves the channels of a {@link SerialDevice} to a device in another process, for a migration: the
 * connections of host programs and the bytes on their way. The guest's side is part of the saved
 * state.
 *
 * <p>The source calls {@link #freeze}, {@link #connections}, {@link #drainInput} and {@link
 * #release}; the destination calls {@link #adopt}, {@link #injectInput} and {@link #takeOver}. Any
 * thread may call.
 */
public final class SerialHandover {
  private static final Logger LOG = LoggerFactory.getLogger(SerialHandover.class);

  private final DeviceContext context;
  private final Ports ports;
  private final HostChanges changes;

  SerialHandover(DeviceContext context, Ports ports, HostChanges changes) {
    this.context = context;
    this.ports = ports;
    this.changes = changes;
  }

  /** A period in which a device is frozen. */
  public interface Freeze extends AutoCloseable {
    /** Ends the period; called once, on any thread. */
    @Override
    void close();
  }

  /**
   * Prevents the host from changing ports, which would change the guest's rings after the device's
   * state was saved. Threads that add, remove, disconnect or resize a port wait for up to five
   * seconds and are then refused. The event loop must not run and no vCPU may run meanwhile.
   *
   * @return the period in which the device is frozen
   */
  public Freeze freeze() {
    return changes.freeze()::close;
  }

  /**
   * {@return a future that completes when ports can be changed without a wait: now, or when the
   * device is no longer {@linkplain #freeze frozen}} For threads that must not wait, as those that
   * change ports do.
   */
  public CompletableFuture<Void> thawed() {
    return changes.thawed();
  }

  /**
   * {@return the current connections to host programs that can continue in another process, by port
   * number} The device keeps owning them.
   */
  public Map<Integer, HostConnection> connections() {
    return context.query(
        () -> {
          Map<Integer, HostConnection> connections = new TreeMap<>();
          ports
              .all()
              .filter(port -> port.connection() != null && port.backend().canMove())
              .forEach(port -> connections.put(port.info().nr(), port.connection()));
          return connections;
        });
  }

  /**
   * Gives a port the connection that it had in another device, so that the guest sees no
   * disconnect. Must be called before that device's state is restored and before the event loop
   * runs.
   *
   * @param nr the port's number
   * @param connection the connection, which the port owns from now on
   * @throws PortException if there is no such port, or it has a connection; the caller still owns
   *     this one
   * @throws ErrnoException if the event loop cannot watch the connection, which is then closed
   */
  public void adopt(int nr, HostConnection connection) throws PortException, ErrnoException {
    ReentrantLock outer = context.lock().enter();
    try {
      Port port = ports.require(nr);
      if (port.connection() != null) {
        throw new PortException("port %d has a connection already".formatted(nr));
      }
      port.adopt(connection);
    } finally {
      context.lock().exit(outer);
    }
  }

  /**
   * Releases guest memory and closes this process's descriptors of the connections, because another
   * device continues with both. Neither the guest nor the host programs are notified. Servers stop
   * listening and remove their files, unless the other process has replaced these; nothing connects
   * to servers any more. Only {@link SerialDevice#close} may be called afterwards.
   */
  public void release() {
    changes.leave();
    context.locked(
        () -> {
          context.queues(null);
          ports.release();
          ports.all().forEach(SerialHandover::endConnecting);
        });
  }

  /** The guest is gone already, so one host end that fails must not keep the others listening. */
  private static void endConnecting(Port port) {
    try {
      port.endConnecting();
    } catch (RuntimeException | Error e) {
      LOG.error("{}: the host end cannot stop connecting", port.info(), e);
    }
  }

  /**
   * Stops the input of the connected sockets and drains the bytes that host programs have already
   * sent, for a device that is restored from this one's state. The ports keep a copy, in case this
   * device continues. The event loop must not run meanwhile.
   *
   * <p>A unix socket yields every byte that the program's writes accepted, and further writes fail.
   * TCP yields the bytes that have arrived.
   *
   * @return the bytes by port number; ports without any are left out
   * @throws ErrnoException if a socket cannot be read
   */
  public Map<Integer, byte[]> drainInput() throws ErrnoException {
    ReentrantLock outer = context.lock().enter();
    try {
      Map<Integer, byte[]> all = new TreeMap<>();
      for (Port port : ports.all().toList()) {
        byte[] rest = port.drainInput();
        if (rest.length > 0) {
          all.put(port.info().nr(), rest);
        }
      }
      return all;
    } finally {
      context.lock().exit(outer);
    }
  }

  /**
   * Gives a port the bytes that another device {@link #drainInput drained}. Must be called after
   * the state is restored.
   *
   * @param nr the port's number
   * @param bytes what the guest receives after the bytes in the restored state
   * @throws PortException if there is no such port
   */
  public void injectInput(int nr, byte[] bytes) throws PortException {
    ReentrantLock outer = context.lock().enter();
    try {
      ports.require(nr).injectInput(bytes);
    } finally {
      context.lock().exit(outer);
    }
  }

  /**
   * Completes a migration to this device: each server takes over the path of its predecessor in the
   * other process.
   */
  public void takeOver() {
    context.locked(
        () -> {
          for (Port port : ports.all().toList()) {
            try {
              port.backend().takeOver();
            } catch (IOException e) {
              LOG.error("{}: clients cannot connect: {}", port.info(), e.getMessage());
            }
          }
        });
  }
}
