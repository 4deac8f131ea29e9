package org.microvm.devices.virtio;

import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * What a kind of device supplies; the transport does the rest.
 *
 * <p>Every method is called with the device lock held, on a vCPU thread or on the event loop, and
 * must not block. Between {@link #activate} and {@link #reset} the device is live; each is called
 * in turn with the other.
 */
public interface VirtioDevice {
  /** The type of device (section 5). */
  int deviceId();

  /** Feature bits of the device type; those of transport and ring are added by the transport. */
  long features();

  /** Number of virtqueues, fixed for the life of the device. */
  int queueCount();

  /**
   * The largest size of a queue, a power of two.
   *
   * @param index from 0 to {@link #queueCount} - 1
   */
  int queueSizeMax(int index);

  /**
   * Reads the configuration space, also before the driver has agreed on features; bytes past its
   * end are zero ({@link ConfigSpace} does that).
   *
   * @param offset from the start of the configuration space, not negative, any alignment
   * @param size 1, 2, 4 or 8
   */
  long readConfig(int offset, int size);

  /**
   * The device has been put behind a transport; once, before a guest runs.
   *
   * @param driver to be told of changes of the configuration space at any time, so that no driver
   *     reads old bytes: registers may be shown as memory
   * @param lock the device lock, which all other methods are called with
   */
  default void attach(VirtioInterrupt driver, ReentrantLock lock) {}

  /** Writes the configuration space; what is not writable is ignored. */
  void writeConfig(int offset, int size, long value);

  /** DRIVER_OK: the queues may be used from now on, until {@link #reset}. */
  void activate(VirtioQueues queues);

  /**
   * The driver says that there are buffers in a queue, which may be empty all the same.
   *
   * @param index of a queue that was ready at {@link #activate}
   * @throws VirtqueueException if the ring is broken: the transport marks the device
   */
  void notifyQueue(int index) throws VirtqueueException;

  /**
   * The driver has taken one queue away while the device lives on (QueueReady = 0); it is dead as
   * after a reset. A device that works on its chains outside the lock, by a thread of its own,
   * waits here until that is over, as in {@link #reset}.
   *
   * @param index of a queue that was ready at {@link #activate}
   */
  default void stopQueue(int index) {}

  /**
   * The driver has reset the device: forget chains and negotiated features. The queues given to
   * {@link #activate} are dead already: they give no chain and drop completions. On return the
   * driver may use the memory of buffers for something else, so what is at work on a chain must
   * have ended; this is the one thing that a device may wait for.
   */
  void reset();

  /** The latest version of the form in which {@link #save} writes. */
  default int stateVersion() {
    return 1;
  }

  /**
   * Writes what the device itself knows; registers and queues are the transport's. No vCPU runs,
   * and the event loop is at this and nothing else. Chains in flight are forgotten in the saved
   * state and popped again after a restore: a device that does not use its chains in order finishes
   * them first, and this may wait for that. Afterwards the device goes on as if nothing had been.
   */
  default void save(StateOutput output) {}

  /**
   * Takes up a state, in a device that was never activated.
   *
   * @param queues what {@link #activate} was given, or null if the driver had not set the device
   *     up; they must not be used before the first {@link #notifyQueue}, which comes for every
   *     queue
   * @throws StateException if it makes no sense, or not for this device
   */
  default void restore(StateInput input, VirtioQueues queues) throws StateException {
    input.end();
    if (queues != null) {
      activate(queues);
    }
  }
}
