package org.microvm.devices.virtio.blk;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.virtio.ConfigSpace;
import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtioDevice;
import org.microvm.devices.virtio.VirtioQueues;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The block device (virtio 1.3, section 5.2): one request queue in front of a disk image.
 *
 * <p>Requests that need the disk are passed to one worker thread and completed on the event loop,
 * so a slow disk delays only its own users. Other requests are completed at once. A reset by the
 * driver waits for the system call in progress, because the buffers belong to the guest again
 * afterwards. Threads are as for every {@link VirtioDevice}; {@link #close} is for the thread that
 * ends the machine, after the last vCPU has ended.
 */
public final class BlkDevice implements VirtioDevice, AutoCloseable {
  /** Feature bit: {@code seg_max} in the configuration space is valid. */
  static final long F_SEG_MAX = 1L << 2;

  /** Feature bit: the disk cannot be written. */
  static final long F_RO = 1L << 5;

  /** Feature bit: {@code blk_size} in the configuration space is valid. */
  static final long F_BLK_SIZE = 1L << 6;

  /** Feature bit: there is a write cache and a flush command. */
  static final long F_FLUSH = 1L << 9;

  /** Feature bit: discard requests, and their limits in the configuration space. */
  static final long F_DISCARD = 1L << 13;

  /** Feature bit: write-zeroes requests, and their limits in the configuration space. */
  static final long F_WRITE_ZEROES = 1L << 14;

  static final byte STATUS_OK = 0;
  static final byte STATUS_IOERR = 1;
  static final byte STATUS_UNSUPP = 2;

  private static final Logger LOG = LoggerFactory.getLogger(BlkDevice.class);
  private static final int DEVICE_ID = 2;
  private static final int QUEUE_SIZE = 256;

  /** The header and the status take a descriptor each. */
  private static final int SEG_MAX = QUEUE_SIZE - 2;

  /**
   * The work of one turn, in descriptors: a full ring of usual requests. Longer chains take more
   * turns, since other machines may share the event loop: 256 requests of 1024 descriptors each,
   * which a guest can repeat without end, take 4 ms.
   */
  private static final int TURN_WORK = 8192;

  /** The work of a request besides its descriptors. */
  private static final int REQUEST_WORK = 16;

  private static final long SAVE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final BlkConfig settings;
  private final BlkBackend backend;
  private final Executor eventLoop;
  private final BlkWorker worker;
  private final ConfigSpace config;
  private final long sectors;
  private final byte[] id;
  private final Runnable completeDone = this::completeDone;

  private final byte[] header = new byte[BlkRequest.HEADER];
  private final byte[] statusByte = new byte[1];
  private final ArrayDeque<BlkJob> freeJobs = new ArrayDeque<>();
  private final Runnable nextTurn = this::nextTurn;

  /** Whether another turn was requested. Guarded by the device lock. */
  private boolean turnRequested;

  private boolean errorLogged;
  private volatile Consumer<BlkError> errorListener = error -> {};

  /** Null while the device is not live; event-loop tasks read it to find the lock. */
  private volatile VirtioQueues queues;

  /**
   * Starts the worker thread.
   *
   * @param settings the user's settings, for example whether the guest may write
   * @param backend the disk image; closed with the device
   * @param eventLoop runs tasks on the event loop, after the caller has returned
   */
  public BlkDevice(BlkConfig settings, BlkBackend backend, Executor eventLoop) {
    this.settings = settings;
    this.backend = backend;
    this.eventLoop = eventLoop;
    sectors = backend.size() / BlkRequest.SECTOR;
    // Padded with NULs; without one if the serial has all 20 bytes.
    id = Arrays.copyOf(settings.serial().getBytes(StandardCharsets.US_ASCII), BlkRequest.ID_LENGTH);
    config = BlkConfigSpace.of(sectors, SEG_MAX, settings);
    worker = new BlkWorker(settings, backend, this::onDone, error -> errorListener.accept(error));
  }

  /**
   * Sets the receiver of requests that have failed on the host. It is called on the disk's own
   * thread and must not block. If the action is {@link OnError#STOP}, it has to pause the guest,
   * and the disk does nothing until {@link #retry}.
   *
   * @param listener replaces the one before
   */
  public void onError(Consumer<BlkError> listener) {
    errorListener = Objects.requireNonNull(listener);
  }

  /** {@return whether a request has failed, and the disk does nothing until {@link #retry}} */
  public boolean isStopped() {
    return worker.isStopped();
  }

  /** {@return the counters of the disk since it was created} */
  public BlkStatistics statistics() {
    return worker.statistics();
  }

  /** Repeats the request that has failed, if the disk waits for that. Any thread may call. */
  public void retry() {
    worker.retry();
  }

  @Override
  public int deviceId() {
    return DEVICE_ID;
  }

  @Override
  public long features() {
    return F_SEG_MAX
        | F_BLK_SIZE
        | F_FLUSH
        | (settings.readOnly() ? F_RO : F_DISCARD | F_WRITE_ZEROES);
  }

  @Override
  public int queueCount() {
    return 1;
  }

  @Override
  public int queueSizeMax(int index) {
    return QUEUE_SIZE;
  }

  @Override
  public long readConfig(int offset, int size) {
    return config.read(offset, size);
  }

  /** Ignores the write: nothing is writable, since the cache mode cannot be changed. */
  @Override
  public void writeConfig(int offset, int size, long value) {}

  @Override
  public void activate(VirtioQueues queues) {
    this.queues = queues;
  }

  @Override
  public void notifyQueue(int index) throws VirtqueueException {
    VirtioQueues live = queues;
    Virtqueue queue = live.queue(index);
    if (queue.hasPending()) {
      // Before a request is taken from the queue: after an error the event loop repeats this call.
      worker.prepare();
    }
    int work = 0;
    for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
      work += REQUEST_WORK + chain.descriptors();
      accept(live, queue, chain);
      if (work >= TURN_WORK) {
        requestTurn();
        break;
      }
    }
    live.publish(queue);
  }

  private void requestTurn() {
    if (!turnRequested) {
      turnRequested = true;
      onEventLoop(nextTurn);
    }
  }

  /** Continues with the queue. Runs on the event loop, possibly some time after a reset. */
  private void nextTurn() {
    VirtioQueues seen = queues;
    if (seen == null) {
      return;
    }
    seen.lock().lock();
    try {
      turnRequested = false;
      if (queues != null && queues.queue(0) != null) {
        notifyQueue(0);
      }
    } catch (VirtqueueException e) {
      seen.fail(e);
    } finally {
      seen.lock().unlock();
    }
  }

  @Override
  public void stopQueue(int index) {
    worker.discard();
  }

  @Override
  public void reset() {
    worker.discard();
    queues = null;
    turnRequested = false;
  }

  @Override
  public boolean isQuiesced() {
    return worker.isQuiesced();
  }

  @Override
  public boolean awaitQuiesced() {
    return worker.awaitQuiesced();
  }

  @Override
  public void giveUp() {
    worker.giveUp();
  }

  /** Waits up to ten seconds for the requests in progress, and completes them before it saves. */
  @Override
  public void save(StateOutput output) {
    if (!worker.awaitIdle(SAVE_NANOS)) {
      String why =
          worker.isStopped()
              ? "a request of disk %s failed and is not repeated until the guest is resumed"
              : "disk %s has not completed the guest's requests in 10 seconds";
      throw new UncheckedIOException(new IOException(why.formatted(settings.name())));
    }
    completeDone();
    output.putLong(sectors);
  }

  @Override
  public boolean savesAtOnce() {
    return worker.isIdle();
  }

  @Override
  public void restore(StateInput input, VirtioQueues queues) throws StateException {
    long saved = input.getLong();
    input.end();
    if (saved != sectors) {
      throw input.damaged(
          "disk %s had %d sectors when it was saved and has %d now"
              .formatted(settings.name(), saved, sectors));
    }
    this.queues = queues;
  }

  /**
   * Ends the worker thread, for which it waits up to five seconds, then closes the backend. Guest
   * memory must stay mapped while the thread {@link #isRunning}.
   */
  @Override
  public void close() {
    worker.close();
    backend.close();
  }

  /** {@return whether the thread that reads and writes the disk has not ended} */
  public boolean isRunning() {
    return worker.isRunning();
  }

  private void accept(VirtioQueues live, Virtqueue queue, DescriptorChain chain) {
    BlkRequest request = BlkRequest.parse(chain, header, sectors, settings.readOnly());
    switch (request.kind()) {
      case READ, WRITE, FLUSH, DISCARD, WRITE_ZEROES -> submit(live, chain, request);
      case GET_ID -> {
        chain.copyWritable(0, id, 0, (int) request.length());
        finish(queue, chain, STATUS_OK, request.length());
      }
      case REFUSED -> finish(queue, chain, STATUS_IOERR, 0);
      case UNSUPPORTED -> finish(queue, chain, STATUS_UNSUPP, 0);
      case UNANSWERABLE -> queue.addUsed(chain, 0);
    }
  }

  private void submit(VirtioQueues live, DescriptorChain chain, BlkRequest request) {
    BlkJob job = freeJobs.isEmpty() ? new BlkJob() : freeJobs.poll();
    job.chain = chain;
    job.request = request;
    // Section 5.2.6.2: for a driver without the flush feature, a completed write must be stable.
    job.stable = !live.has(F_FLUSH);
    worker.submit(job);
  }

  /** Called on the worker's thread. */
  private void onDone() {
    onEventLoop(completeDone);
  }

  private void onEventLoop(Runnable task) {
    try {
      eventLoop.execute(task);
    } catch (RejectedExecutionException e) {
      LOG.debug("disk {}: the event loop is closed", settings.name());
    }
  }

  /** Runs on the event loop, possibly some time after a reset. */
  private void completeDone() {
    VirtioQueues seen = queues;
    if (seen == null) {
      return;
    }
    seen.lock().lock();
    try {
      // All jobs of the worker are from after the last reset, which discards the others.
      VirtioQueues live = queues;
      Virtqueue queue = live == null ? null : live.queue(0);
      if (queue == null) {
        return;
      }
      for (BlkJob job = worker.nextDone(); job != null; job = worker.nextDone()) {
        complete(queue, job);
        job.chain = null;
        freeJobs.add(job);
      }
      live.publish(queue);
    } finally {
      seen.lock().unlock();
    }
  }

  private void complete(Virtqueue queue, BlkJob job) {
    boolean read = job.request.kind() == BlkRequest.Kind.READ;
    if (job.result >= 0) {
      finish(queue, job.chain, STATUS_OK, read ? job.result : 0);
      return;
    }
    logError(job);
    if (job.action == OnError.IGNORE) {
      finish(queue, job.chain, STATUS_OK, read ? job.request.length() : 0);
    } else {
      finish(queue, job.chain, STATUS_IOERR, 0);
    }
  }

  /**
   * Writes the status, which is the last writable byte.
   *
   * @param written the number of bytes of data written, from the start of the writable part
   */
  private void finish(Virtqueue queue, DescriptorChain chain, byte status, long written) {
    long room = chain.writableBytes() - 1;
    statusByte[0] = status;
    chain.copyWritable(room, statusByte, 0, 1);
    // The used length counts written bytes from the start without a gap, so it includes the status
    // only if data fills the whole room before it (section 2.7.8.2).
    queue.addUsed(chain, written == room ? room + 1 : written);
  }

  private void logError(BlkJob job) {
    if (!errorLogged) {
      errorLogged = true;
      LOG.error(
          "disk {}: {} failed: {}; {} (further errors are not logged)",
          settings.name(),
          job.request,
          Errno.name((int) -job.result),
          job.action == OnError.IGNORE ? "the error is ignored" : "the guest gets an I/O error");
    }
  }
}
