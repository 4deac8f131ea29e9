package org.microvm.bench;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.microvm.machine.config.GuestImages;

/**
 * Measures QEMU processes that continue the same saved guest, for a comparison with as many
 * machines in one process. For one thread.
 */
final class QemuFleet {
  /**
   * Most processes: beyond that nothing new is learnt, and each has a guest's memory of its own.
   */
  static final int MAX = 50;

  private static final Duration ANSWER = Duration.ofMinutes(2);
  private static final long IDLE_SECONDS = 2;
  private static final double MEBI = 1 << 20;
  private static final Path NO_FILE = Path.of("/proc/self/missing");

  private final QemuDriver qemu;
  private final Samples samples;

  private QemuFleet(QemuDriver qemu, Samples samples) {
    this.qemu = qemu;
    this.samples = samples;
  }

  /**
   * Boots and saves a guest.
   *
   * @param directory for sockets and the saved guest
   * @param samples receives the figures
   */
  static QemuFleet prepare(Path directory, long memoryBytes, Samples samples) throws IOException {
    QemuDriver qemu = new QemuDriver(GuestImages.installed(), memoryBytes / (1 << 20), directory);
    try (qemu) {
      qemu.boot();
      qemu.save();
    }
    return new QemuFleet(qemu, samples);
  }

  /** Measures a number of processes, and returns the name under which the figures are. */
  String measure(int size) throws IOException, InterruptedException {
    String fleet = size + " QEMU";
    List<StateProcess> processes = new ArrayList<>();
    try {
      double answered = 0;
      for (int i = 0; i < size; i++) {
        StateProcess process = qemu.startRestored();
        processes.add(process);
        answered = process.awaitAgent(ANSWER);
        add(fleet, i == 0 ? "restore, first" : "restore, later", "ms", answered);
      }
      add(fleet, "restore, last", "ms", answered);
      footprint(fleet, processes);
      idle(fleet, processes);
    } finally {
      closeAll(fleet, "close all", processes);
    }
    atOnce(fleet, size);
    return fleet;
  }

  private void footprint(String fleet, List<StateProcess> processes) throws IOException {
    long threads = 0;
    long descriptors = 0;
    long bytes = 0;
    for (StateProcess process : processes) {
      Path proc = Path.of("/proc/" + process.pid());
      threads += entries(proc.resolve("task"));
      descriptors += entries(proc.resolve("fd"));
      bytes += PrivateMemory.of(Files.readString(proc.resolve("smaps")), NO_FILE).otherBytes();
    }
    int count = processes.size();
    add(fleet, "threads each", "", (double) threads / count);
    add(fleet, "descriptors each", "", (double) descriptors / count);
    add(fleet, "private memory, each", "MiB", bytes / MEBI / count);
  }

  private static long entries(Path directory) throws IOException {
    long count = 0;
    try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
      for (Path ignored : all) {
        count++;
      }
    }
    return count;
  }

  private void idle(String fleet, List<StateProcess> processes)
      throws IOException, InterruptedException {
    List<ProcessTimes> before = new ArrayList<>();
    for (StateProcess process : processes) {
      before.add(ProcessTimes.of(process.pid()));
    }
    TimeUnit.SECONDS.sleep(IDLE_SECONDS);
    double inside = 0;
    double outside = 0;
    for (int i = 0; i < processes.size(); i++) {
      ProcessTimes used = ProcessTimes.of(processes.get(i).pid()).since(before.get(i));
      inside += used.vcpus();
      outside += used.others();
    }
    add(fleet, "idle: processor inside guests", "%", 100 * inside / IDLE_SECONDS);
    add(fleet, "idle: processor outside", "%", 100 * outside / IDLE_SECONDS);
  }

  private void atOnce(String fleet, int size) throws IOException, InterruptedException {
    long begin = System.nanoTime();
    List<StateProcess> processes = new ArrayList<>();
    try (ExecutorService waiters = Executors.newFixedThreadPool(size)) {
      for (int i = 0; i < size; i++) {
        processes.add(qemu.startRestored());
      }
      List<Future<Double>> answers = new ArrayList<>();
      for (StateProcess process : processes) {
        answers.add(waiters.submit(() -> process.awaitAgent(ANSWER)));
      }
      for (Future<Double> answer : answers) {
        answer.get();
      }
      add(fleet, "all at once, answered", "ms", (System.nanoTime() - begin) / 1e6);
    } catch (ExecutionException e) {
      throw new IOException(e.getCause());
    } finally {
      closeAll(fleet, "all at once, closed", processes);
    }
  }

  private void closeAll(String fleet, String what, List<StateProcess> processes)
      throws IOException {
    long begin = System.nanoTime();
    processes.forEach(StateProcess::end);
    for (StateProcess process : processes) {
      process.close();
    }
    add(fleet, what, "ms", (System.nanoTime() - begin) / 1e6);
  }

  private void add(String fleet, String what, String unit, double value) {
    samples.add(what, fleet, unit, value);
  }
}
