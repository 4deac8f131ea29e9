package org.microvm.virtioserial;

/** The counters of a port; see {@link PortStatistics}. Guarded by the device lock. */
final class PortCounters {
  /** The counters of one direction. */
  static final class Direction {
    long bytes;
    long buffers;
    long dropped;
    long stalls;
    long throttles;

    private final int port;
    private final String name;

    private Direction(int port, String name) {
      this.port = port;
      this.name = name;
    }

    /** Counts that the receiving side had no room for what the other had to send. */
    void stalled() {
      stalls++;
      StallEvent.emit(port, name);
    }

    DirectionStatistics read(long held) {
      return new DirectionStatistics(bytes, buffers, held, dropped, stalls, throttles);
    }
  }

  final Direction fromGuest;
  final Direction toGuest;
  long bytesCopied;
  long malformed;

  /**
   * @param port the port's number
   */
  PortCounters(int port) {
    fromGuest = new Direction(port, "from the guest");
    toGuest = new Direction(port, "to the guest");
  }
}
