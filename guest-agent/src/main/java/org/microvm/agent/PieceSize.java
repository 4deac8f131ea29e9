package org.microvm.agent;

import java.time.Duration;

/**
 * How many bytes of a file are read or written with one request. Large requests make the round trip
 * negligible. A slow agent gets smaller ones, so that each answer comes long before its time limit:
 * an agent whose kernel is emulated on a busy host moves a few KiB per second. An agent in a guest
 * of 64 MiB holds the text of a request, its parsed form and the bytes at the same time.
 */
final class PieceSize {
  /** The most bytes. */
  static final int MAX = 256 << 10;

  private static final int MIN = 2 << 10;
  private static final int FIRST = 64 << 10;

  /** The share of an answer's time limit that a request may take. */
  private static final int SHARE = 8;

  private static final Duration LONGEST = Duration.ofSeconds(1);

  private final long longest;
  private int bytes = FIRST;

  /**
   * Creates the size for an agent whose speed is not known.
   *
   * @param limit time limit for an answer
   */
  PieceSize(Duration limit) {
    Duration share = limit.dividedBy(SHARE);
    longest = (share.compareTo(LONGEST) < 0 ? share : LONGEST).toNanos();
  }

  /** Returns the number of bytes of the next request. */
  synchronized int bytes() {
    return bytes;
  }

  /**
   * Records how long a request took.
   *
   * @param count the number of bytes that it moved
   * @param nanos its time
   */
  synchronized void took(int count, long nanos) {
    if (count < bytes / 2) {
      return; // The end of a file: too few bytes for a measurement.
    }
    if (nanos > longest) {
      double fitting = (double) count * longest / nanos;
      bytes = (int) Math.max(MIN, Math.min(bytes, fitting));
    } else if (count >= bytes && nanos < longest / 2) {
      bytes = Math.min(MAX, bytes * 2);
    }
  }
}
