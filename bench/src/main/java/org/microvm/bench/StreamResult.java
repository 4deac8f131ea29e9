package org.microvm.bench;

/**
 * The measurement of a stream over some time.
 *
 * @param bytes bytes moved, by port
 * @param seconds duration of the measurement
 * @param cpu processor time of the VMM in that duration
 */
record StreamResult(long[] bytes, double seconds, ProcessTimes cpu) {
  private static final double MEGABYTE = 1e6;
  private static final double GIB = 1L << 30;

  long total() {
    long sum = 0;
    for (long port : bytes) {
      sum += port;
    }
    return sum;
  }

  double megabytesPerSecond() {
    return total() / MEGABYTE / seconds;
  }

  double cpuSecondsPerGib() {
    return cpu.total() * GIB / total();
  }

  /** Processor time without the vCPUs, which spin in these workloads whatever the VMM does. */
  double vmmCpuSecondsPerGib() {
    return cpu.others() * GIB / total();
  }

  /** The bytes of the port with most bytes, divided by those of the port with fewest. */
  double unfairness() {
    long least = Long.MAX_VALUE;
    long most = 0;
    for (long port : bytes) {
      least = Math.min(least, port);
      most = Math.max(most, port);
    }
    return least == 0 ? Double.POSITIVE_INFINITY : (double) most / least;
  }
}
