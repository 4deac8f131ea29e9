package org.microvm.machine.runtime;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.microvm.devices.virtio.rng.EntropySource;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;

/**
 * What many machines of one process share: a few event loops instead of one each, and the threads
 * of everything else that only waits. A machine in a runtime has no thread but those of its vCPUs
 * and of disks that are busy, and one event descriptor for each device instead of one for each
 * queue.
 *
 * <p>A machine without a runtime has threads of its own, which suits a process with one machine.
 * Machines that share a loop are served in turn, as ports of one machine are; see {@link
 * EventLoop#openOn}. A listener or a host end that blocks the loop stops all machines on it.
 *
 * <p>Any thread may call. Close the machines before the runtime.
 */
public final class VmmRuntime implements AutoCloseable {
  private final Kvm kvm;
  private final EntropySource entropy;
  private final List<EventLoop> loops;
  private final AtomicInteger machines = new AtomicInteger();

  private VmmRuntime(Kvm kvm, EntropySource entropy, List<EventLoop> loops) {
    this.kvm = kvm;
    this.entropy = entropy;
    this.loops = loops;
  }

  /**
   * Starts a runtime with one event loop for each processor.
   *
   * @return the runtime, which the caller closes
   * @throws ErrnoException if there is no KVM, or too many files are open
   */
  public static VmmRuntime open() throws ErrnoException {
    return open(Runtime.getRuntime().availableProcessors());
  }

  /**
   * Starts a runtime.
   *
   * @param loops the number of event loops, each of which has a thread; at least 1
   * @return the runtime, which the caller closes
   * @throws ErrnoException if there is no KVM, or too many files are open
   * @throws IllegalArgumentException if the number is less than 1
   */
  public static VmmRuntime open(int loops) throws ErrnoException {
    if (loops < 1) {
      throw new IllegalArgumentException("a runtime has at least 1 event loop, not " + loops);
    }
    Deque<Runnable> opened = new ArrayDeque<>();
    List<EventLoop> started = new ArrayList<>();
    try {
      Kvm kvm = Kvm.open();
      opened.push(kvm::close);
      EntropySource entropy = EntropySource.ofHost();
      opened.push(entropy::close);
      for (int i = 0; i < loops; i++) {
        EventLoop loop = EventLoop.open("event-loop-" + i);
        opened.push(loop::close);
        started.add(loop);
        loop.start();
      }
      return new VmmRuntime(kvm, entropy, List.copyOf(started));
    } catch (ErrnoException | RuntimeException e) {
      opened.forEach(Runnable::run);
      throw e;
    }
  }

  /**
   * Creates the event loop of a machine, on the thread that the fewest machines use.
   *
   * @return the loop, not started; the caller closes it
   * @throws ErrnoException if the process or the host has too many open files
   */
  public synchronized EventLoop openLoop() throws ErrnoException {
    EventLoop carrier =
        loops.stream().min(Comparator.comparingInt(EventLoop::watchCount)).orElseThrow();
    return EventLoop.openOn(carrier, "machine-" + machines.getAndIncrement());
  }

  /** {@return the host's KVM, which stays open until the runtime is closed} */
  public Kvm kvm() {
    return kvm;
  }

  /** {@return the host's random generator, which stays open until the runtime is closed} */
  public EntropySource entropy() {
    return entropy;
  }

  /**
   * Chooses the kind of thread for work of a machine that mostly waits: a platform thread of its
   * own, or a virtual one in a runtime, where such work shares the threads of the JVM.
   *
   * @param runtime the machine's runtime, if it has one
   * @param name the thread's name
   * @return the builder of the thread
   */
  public static Thread.Builder threadFor(Optional<VmmRuntime> runtime, String name) {
    return runtime.isPresent() ? Thread.ofVirtual().name(name) : Thread.ofPlatform().name(name);
  }

  /** {@return the number of machines that are not closed} */
  public int machines() {
    return loops.stream().mapToInt(EventLoop::watchCount).sum();
  }

  /**
   * Ends the event loops.
   *
   * @throws IllegalStateException if a machine of this runtime is not closed
   */
  @Override
  public void close() {
    if (machines() > 0) {
      throw new IllegalStateException(machines() + " machines of the runtime are not closed");
    }
    loops.forEach(EventLoop::close);
    entropy.close();
    kvm.close();
  }
}
