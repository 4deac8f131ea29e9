package org.microvm.virtioserial;

/** What a port counts; see {@link PortStatistics}. Guarded by the device lock. */
final class PortCounters {
  /** One direction. */
  static final class Direction {
    long bytes;
    long buffers;
    long dropped;
    long stalls;
    long throttles;

    DirectionStatistics read(long held) {
      return new DirectionStatistics(bytes, buffers, held, dropped, stalls, throttles);
    }
  }

  final Direction fromGuest = new Direction();
  final Direction toGuest = new Direction();
  long bytesCopied;
  long malformed;
}
