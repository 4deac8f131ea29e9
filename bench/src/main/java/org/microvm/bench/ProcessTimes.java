package org.microvm.bench;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Processor time that a process has used, in seconds, from {@code /proc/PID/task}; the resolution
 * is the kernel's tick of 10 ms.
 *
 * @param vcpus the vCPU threads; they include the time of a guest that spins
 * @param others all other threads that still run
 */
record ProcessTimes(double vcpus, double others) {
  private static final double TICKS_PER_SECOND = 100;
  private static final int USER_TICKS = 11;
  private static final int SYSTEM_TICKS = 12;

  static ProcessTimes of(long pid) throws IOException {
    double vcpus = 0;
    double others = 0;
    try (DirectoryStream<Path> tasks =
        Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
      for (Path task : tasks) {
        try {
          String stat = Files.readString(task.resolve("stat"));
          if (isVcpu(name(stat))) {
            vcpus += seconds(stat);
          } else {
            others += seconds(stat);
          }
        } catch (NoSuchFileException ended) {
          // The thread ended between the listing and the reading.
        }
      }
    }
    return new ProcessTimes(vcpus, others);
  }

  /** vCPU threads have names such as {@code vcpu-0} in microvm and {@code CPU 0/KVM} in QEMU. */
  static boolean isVcpu(String threadName) {
    return threadName.startsWith("vcpu-") || threadName.endsWith("/KVM");
  }

  /** The thread's name in a line of {@code stat}; it may contain spaces and parentheses. */
  static String name(String stat) {
    return stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  }

  static double seconds(String stat) {
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    long ticks = Long.parseLong(fields[USER_TICKS]) + Long.parseLong(fields[SYSTEM_TICKS]);
    return ticks / TICKS_PER_SECOND;
  }

  double total() {
    return vcpus + others;
  }

  ProcessTimes since(ProcessTimes before) {
    return new ProcessTimes(vcpus - before.vcpus, others - before.others);
  }
}
