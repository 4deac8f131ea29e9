package org.microvm.devices.virtio.blk;

/**
 * Counters of a disk since it was created. A request that a reset of the device interrupts counts
 * only for the part that was carried out.
 *
 * @param reads read requests
 * @param writes write requests, also of zeros
 * @param flushes flush requests
 * @param discards discard requests
 * @param highestOffset the offset after the last byte that was written, in bytes
 */
public record BlkStatistics(
    Operations reads,
    Operations writes,
    Operations flushes,
    Operations discards,
    long highestOffset) {
  /**
   * Requests of a kind.
   *
   * @param count those that succeeded
   * @param failed those that the host has failed
   * @param bytes that were moved or discarded
   * @param nanos how long the successful ones took, in nanoseconds
   */
  public record Operations(long count, long failed, long bytes, long nanos) {
    /** Nothing yet. */
    static final Operations NONE = new Operations(0, 0, 0, 0);

    /** Returns the numbers with one request more. */
    Operations plus(boolean succeeded, long moreBytes, long moreNanos) {
      return succeeded
          ? new Operations(count + 1, failed, bytes + moreBytes, nanos + moreNanos)
          : new Operations(count, failed + 1, bytes, nanos);
    }
  }

  /** A disk that has done nothing. */
  static final BlkStatistics NONE =
      new BlkStatistics(Operations.NONE, Operations.NONE, Operations.NONE, Operations.NONE, 0);

  /** Returns the numbers with one request more. */
  BlkStatistics plus(BlkRequest request, boolean succeeded, long moreNanos) {
    long bytes = request.length();
    long end = request.offset() + bytes;
    for (BlkRange range : request.ranges()) {
      bytes += range.length();
      end = Math.max(end, range.offset() + range.length());
    }
    return switch (request.kind()) {
      case READ -> withReads(reads.plus(succeeded, bytes, moreNanos));
      case WRITE, WRITE_ZEROES ->
          new BlkStatistics(
              reads,
              writes.plus(succeeded, bytes, moreNanos),
              flushes,
              discards,
              succeeded ? Math.max(highestOffset, end) : highestOffset);
      case FLUSH ->
          new BlkStatistics(
              reads, writes, flushes.plus(succeeded, 0, moreNanos), discards, highestOffset);
      case DISCARD ->
          new BlkStatistics(
              reads, writes, flushes, discards.plus(succeeded, bytes, moreNanos), highestOffset);
      case GET_ID, REFUSED, UNSUPPORTED, UNANSWERABLE -> this;
    };
  }

  private BlkStatistics withReads(Operations now) {
    return new BlkStatistics(now, writes, flushes, discards, highestOffset);
  }
}
