package org.microvm.devices.virtio.blk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.BooleanSupplier;
import org.microvm.linux.Errno;
import org.microvm.linux.IovecArray;

/**
 * Performs the I/O of jobs, in pieces of up to 1 MiB, so that a job that is no longer wanted ends
 * soon. Only one thread may use it.
 */
final class BlkTransfer {
  /** Most bytes of one system call. */
  private static final long PIECE_BYTES = 1 << 20;

  /** Most bytes that are discarded or zeroed by one system call. */
  private static final long UNMAP_BYTES = 256 << 20;

  private static final long ZEROS_BYTES = 64 << 10;

  private final BlkBackend backend;
  private final boolean discards;
  private final BooleanSupplier unwanted;
  private final IovecArray ranges = new IovecArray(IovecArray.MAX_CAPACITY);

  /** Allocated at the first use. */
  private MemorySegment zeros;

  /**
   * Allocates the memory for system calls.
   *
   * @param backend the storage
   * @param discards whether space may be given back to the host
   * @param unwanted returns, also during a job, whether it is no longer wanted
   */
  BlkTransfer(BlkBackend backend, boolean discards, BooleanSupplier unwanted) {
    this.backend = backend;
    this.discards = discards;
    this.unwanted = unwanted;
  }

  /** Performs a job; returns its result, or a negative error number. */
  long perform(BlkJob job) {
    return switch (job.request.kind()) {
      case READ -> transfer(job);
      case WRITE -> stable(job, transfer(job));
      case DISCARD, WRITE_ZEROES -> stable(job, unmap(job));
      case FLUSH -> backend.flush();
      case GET_ID, REFUSED, UNSUPPORTED, UNANSWERABLE ->
          throw new IllegalStateException("not a request for the worker: " + job.request);
    };
  }

  /** Makes what was written stable if the job needs that; returns the result of both. */
  private long stable(BlkJob job, long result) {
    long flushed = result >= 0 && job.stable ? backend.flush() : 0;
    return flushed < 0 ? flushed : result;
  }

  private long unmap(BlkJob job) {
    boolean zeroes = job.request.kind() == BlkRequest.Kind.WRITE_ZEROES;
    for (BlkRange range : job.request.ranges()) {
      long length = 0;
      for (long done = 0; done < range.length(); done += length) {
        if (unwanted.getAsBoolean()) {
          return -Errno.EIO;
        }
        length = Math.min(UNMAP_BYTES, range.length() - done);
        long at = range.offset() + done;
        boolean unmap = range.unmap() && discards;
        long result = zeroes ? zeroes(at, length, unmap) : discard(at, length);
        if (result < 0) {
          return result;
        }
      }
    }
    return 0;
  }

  /** Discards if the storage can do it: a driver must not rely on it (section 5.2.6.2). */
  private long discard(long offset, long length) {
    long result = discards ? backend.discard(offset, length) : 0;
    while (result == -Errno.EINTR) {
      result = backend.discard(offset, length);
    }
    return result == -Errno.EOPNOTSUPP ? 0 : result;
  }

  private long zeroes(long offset, long length, boolean unmap) {
    long result = backend.writeZeroes(offset, length, unmap);
    while (result == -Errno.EINTR) {
      result = backend.writeZeroes(offset, length, unmap);
    }
    return result == -Errno.EOPNOTSUPP ? writeZeros(offset, length) : result;
  }

  /** Writes zeros, because the storage has no operation that zeroes a range. */
  private long writeZeros(long offset, long length) {
    if (zeros == null) {
      zeros = Arena.ofAuto().allocate(ZEROS_BYTES);
    }
    long done = 0;
    while (done < length) {
      if (unwanted.getAsBoolean()) {
        return -Errno.EIO;
      }
      ranges.clear();
      ranges.add(zeros.address(), Math.min(ZEROS_BYTES, length - done));
      long result = backend.write(ranges, offset + done);
      if (result == 0 || result < 0 && result != -Errno.EINTR) {
        return result == 0 ? -Errno.EIO : result;
      }
      done += Math.max(0, result);
    }
    return 0;
  }

  /** Repeats the call until all is moved, or the job is no longer wanted. */
  private long transfer(BlkJob job) {
    BlkRequest request = job.request;
    long moved = 0;
    while (moved < request.length()) {
      if (unwanted.getAsBoolean()) {
        return -Errno.EIO;
      }
      ranges.clear();
      long result = request.kind() == BlkRequest.Kind.READ ? read(job, moved) : write(job, moved);
      if (result == 0) {
        // The image has become shorter since the disk's size was determined.
        return -Errno.EIO;
      }
      if (result < 0 && result != -Errno.EINTR) {
        return result;
      }
      moved += Math.max(0, result);
    }
    return moved;
  }

  private long read(BlkJob job, long moved) {
    BlkRequest request = job.request;
    job.chain.gatherWritable(ranges, moved, piece(request, moved));
    return backend.read(ranges, request.offset() + moved);
  }

  private long write(BlkJob job, long moved) {
    BlkRequest request = job.request;
    job.chain.gatherReadable(ranges, BlkRequest.HEADER + moved, piece(request, moved));
    return backend.write(ranges, request.offset() + moved);
  }

  private static long piece(BlkRequest request, long moved) {
    return Math.min(PIECE_BYTES, request.length() - moved);
  }
}
