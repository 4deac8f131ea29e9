package org.microvm.bench;

/**
 * One measured stretch of a stream.
 *
 * @param bytes moved, by port
 * @param seconds that it took
 * @param cpu processor time of the VMM meanwhile
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

  /** Without the vCPU, which spins in these workloads whatever the VMM does. */
  double vmmCpuSecondsPerGib() {
    return cpu.others() * GIB / total();
  }

  /** The port that got most, relative to the one that got least. */
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
