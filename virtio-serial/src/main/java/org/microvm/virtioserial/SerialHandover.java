package org.microvm.virtioserial;

import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.linux.ErrnoException;
import org.microvm.virtioserial.backend.HostLink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves the channels of a {@link SerialDevice} to a device in another process, for a migration: the
 * connections of host programs and the bytes on their way. The guest's side is part of the saved
 * state.
 *
 * <p>The source calls {@link #links}, {@link #takeRest} and {@link #release}; the destination calls
 * {@link #adopt}, {@link #giveRest} and {@link #takeOver}. Any thread may call.
 */
public final class SerialHandover {
  private static final Logger LOG = LoggerFactory.getLogger(SerialHandover.class);

  private final DeviceCore core;
  private final Ports ports;

  SerialHandover(DeviceCore core, Ports ports) {
    this.core = core;
    this.ports = ports;
  }

  /**
   * Returns the current connections to host programs, by port number. The device keeps owning them.
   */
  public Map<Integer, HostLink> links() {
    return core.answer(
        () -> {
          Map<Integer, HostLink> links = new TreeMap<>();
          ports
              .all()
              .filter(port -> port.link() != null)
              .forEach(port -> links.put(port.info().nr(), port.link()));
          return links;
        });
  }

  /**
   * Gives a port the connection that it had in another device, so that the guest sees no
   * disconnect. Must be called before that device's state is restored and before the event loop
   * runs.
   *
   * @param link the connection, which the port owns from now on
   * @throws PortException if there is no such port
   * @throws ErrnoException if the event loop cannot watch the connection, which is then closed
   */
  public void adopt(int nr, HostLink link) throws PortException, ErrnoException {
    ReentrantLock outer = core.lock().enter();
    try {
      ports.require(nr).adopt(link);
    } finally {
      core.lock().exit(outer);
    }
  }

  /**
   * Releases guest memory and closes this process's descriptors of the connections, because another
   * device continues with both. Neither the guest nor the host programs are notified. Only {@link
   * SerialDevice#close} may be called afterwards.
   */
  public void release() {
    core.locked(
        () -> {
          core.queues(null);
          ports.release();
        });
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
   */
  public Map<Integer, byte[]> takeRest() throws ErrnoException {
    ReentrantLock outer = core.lock().enter();
    try {
      Map<Integer, byte[]> all = new TreeMap<>();
      for (Port port : ports.all().toList()) {
        byte[] rest = port.takeRest();
        if (rest.length > 0) {
          all.put(port.info().nr(), rest);
        }
      }
      return all;
    } finally {
      core.lock().exit(outer);
    }
  }

  /**
   * Gives a port the bytes that another device {@link #takeRest drained}. Must be called after the
   * state is restored.
   *
   * @throws PortException if there is no such port
   */
  public void giveRest(int nr, byte[] bytes) throws PortException {
    ReentrantLock outer = core.lock().enter();
    try {
      ports.require(nr).giveRest(bytes);
    } finally {
      core.lock().exit(outer);
    }
  }

  /**
   * Completes a migration to this device: each server takes over the path of its predecessor in the
   * other process.
   */
  public void takeOver() {
    core.locked(
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
