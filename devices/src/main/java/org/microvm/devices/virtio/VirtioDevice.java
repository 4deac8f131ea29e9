package org.microvm.devices.virtio;

import java.io.UncheckedIOException;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The part of a device that depends on its type (virtio 1.3, section 5); the transport does the
 * rest.
 *
 * <p>Every method is called with the device lock held, on a vCPU thread or on the event loop, and
 * must not block. The device is live between {@link #activate} and {@link #reset}, which are called
 * alternately.
 */
public interface VirtioDevice {
  /** {@return the type of device, a number of section 5} */
  int deviceId();

  /**
   * {@return the feature bits of the device type; the transport adds those of transport and ring}
   */
  long features();

  /** {@return the number of virtqueues, fixed for the life of the device} */
  int queueCount();

  /**
   * {@return the largest size of a queue in entries, a power of two up to {@link
   * Virtqueue#MAX_SIZE}}
   *
   * @param index from 0 to {@link #queueCount} - 1
   */
  int queueSizeMax(int index);

  /**
   * Reads the configuration space, possibly before features are negotiated. Bytes past its end are
   * zero ({@link ConfigSpace} implements that).
   *
   * @param offset from the start of the configuration space, not negative, any alignment
   * @param size 1, 2, 4 or 8
   * @return the value, little-endian in the space and zero-extended from {@code size} bytes
   */
  long readConfig(int offset, int size);

  /**
   * Called once when the device is connected to a transport, before a guest runs.
   *
   * @param driver to be notified of every change of the configuration space, at any time, because
   *     the registers may be mapped as memory and a driver must not read old bytes there
   * @param lock the device lock, which is held when the other methods are called
   */
  default void attach(DriverNotifier driver, ReentrantLock lock) {}

  /**
   * Writes the configuration space; writes to read-only fields are ignored.
   *
   * @param offset from the start of the configuration space, not negative, any alignment
   * @param size 1, 2, 4 or 8
   * @param value zero-extended from {@code size} bytes
   */
  void writeConfig(int offset, int size, long value);

  /**
   * Called at DRIVER_OK: the queues may be used from now until {@link #reset}.
   *
   * @param queues the queues that the driver has set up, and the negotiated features
   */
  void activate(VirtioQueues queues);

  /**
   * Called when the driver has notified a queue, which may nevertheless be empty.
   *
   * @param index of a queue that was ready at {@link #activate}
   * @throws VirtqueueException if the ring is broken; the transport then sets DEVICE_NEEDS_RESET
   */
  void notifyQueue(int index) throws VirtqueueException;

  /**
   * Called when the driver has disabled one queue (QueueReady = 0) while the device stays active;
   * the queue is stopped as after a reset. A device whose own thread works on chains without the
   * lock has it end that work; {@link #awaitQuiesced} then waits for it.
   *
   * @param index of a queue that was ready at {@link #activate}
   */
  default void stopQueue(int index) {}

  /**
   * Called when the driver resets the device, which must discard chains and negotiated features.
   * The queues given to {@link #activate} are already stopped: they return no chains and drop
   * completions. A device whose own thread works on chains without the lock has it end that work;
   * {@link #awaitQuiesced} then waits for it.
   */
  void reset();

  /** {@return whether no thread of the device's own works on chains without the lock} */
  default boolean isQuiesced() {
    return true;
  }

  /**
   * Waits, without the device lock, until {@link #isQuiesced} after {@link #stopQueue} or {@link
   * #reset}: only then may the driver use the memory of buffers for something else.
   *
   * @return false if {@link #giveUp} ended the wait; the device is not used again then
   */
  default boolean awaitQuiesced() {
    return true;
  }

  /**
   * Ends every wait of the device, now and later, because the machine ends. Called without the
   * device lock, on any thread.
   */
  default void giveUp() {}

  /** {@return the version of the format that {@link #save} writes, 1 or higher} */
  default int stateVersion() {
    return 1;
  }

  /**
   * Writes the device's own state; the transport saves registers and queues. No vCPU runs, and the
   * event loop does nothing else meanwhile. Chains in flight are not part of the saved state and
   * are popped again after a restore: a device that does not use its chains in order must finish
   * them first, and this method may wait for that for a limited time. Afterwards the device
   * continues as if nothing had happened.
   *
   * @param output takes the fields of the device's section
   * @throws UncheckedIOException if the chains in flight cannot be finished now; the device
   *     continues
   */
  default void save(StateOutput output) {}

  /**
   * {@return whether {@link #save} need not wait, because no chain is with the device's own thread}
   */
  default boolean savesAtOnce() {
    return true;
  }

  /**
   * Restores a state in a device that was never activated.
   *
   * @param input the fields that {@link #save} wrote, in this or an older version
   * @param queues the queues, as for {@link #activate}, or null if the driver had not set the
   *     device up; they must not be used before the first {@link #notifyQueue}, which is called for
   *     every queue
   * @throws StateException if the state is invalid, or invalid for this device
   */
  default void restore(StateInput input, VirtioQueues queues) throws StateException {
    input.end();
    if (queues != null) {
      activate(queues);
    }
  }
}
