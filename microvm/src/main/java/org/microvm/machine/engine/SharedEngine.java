package org.microvm.machine.engine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.microvm.devices.virtio.rng.EntropySource;
import org.microvm.kvm.Kvm;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventLoop;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The event loops and descriptors that the machines of a runtime share. A machine in a runtime has
 * no thread but those of its vCPUs and of disks that are busy, and one event descriptor for each
 * device instead of one for each queue.
 *
 * <p>Any thread may call.
 */
public final class SharedEngine implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SharedEngine.class);

  /** Set by the runtime's class, which is exported and does not show its engine. */
  private static volatile Function<Object, SharedEngine> access;

  private final Kvm kvm;
  private final EntropySource entropy;
  private final List<EventLoop> loops;
  private final AtomicInteger machines = new AtomicInteger();

  /** A VM for the next machine, created in advance; null if there is none. */
  private Vm spare;

  /** Whether there is a spare VM or one is being made, or no more are to be made. */
  private boolean hasSpare;

  private SharedEngine(Kvm kvm, EntropySource entropy, List<EventLoop> loops) {
    this.kvm = kvm;
    this.entropy = entropy;
    this.loops = loops;
  }

  /** Sets how the engine of a runtime is found. Called once, when the runtime's class is loaded. */
  public static void setAccess(Function<Object, SharedEngine> ofRuntime) {
    access = ofRuntime;
  }

  /** Returns the engine of a runtime. */
  public static Optional<SharedEngine> of(Optional<?> runtime) {
    return runtime.map(given -> access.apply(given));
  }

  /**
   * Opens what is shared and starts the event loops.
   *
   * @param loops at least 1
   */
  public static SharedEngine open(int loops) throws ErrnoException {
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
      return new SharedEngine(kvm, entropy, List.copyOf(started));
    } catch (ErrnoException | RuntimeException | Error e) {
      opened.forEach(Runnable::run);
      throw e;
    }
  }

  /**
   * Creates the event loop of a machine, on the thread that the fewest machines use. It is not
   * started; the caller closes it.
   */
  public synchronized EventLoop openLoop() throws ErrnoException {
    EventLoop carrier =
        loops.stream().min(Comparator.comparingInt(EventLoop::watchCount)).orElseThrow();
    return EventLoop.openOn(carrier, "machine-" + machines.getAndIncrement());
  }

  /**
   * Returns a VM without memory and vCPUs, which the caller closes: the one that was created in
   * advance, or a new one, for which KVM waits several times.
   *
   * @throws ErrnoException if KVM refuses to make it
   */
  public Vm takeVm() throws ErrnoException {
    synchronized (this) {
      if (spare != null) {
        Vm ahead = spare;
        spare = null;
        hasSpare = false;
        return ahead;
      }
    }
    return BareVm.make(kvm);
  }

  /** Creates a VM for the next machine, unless there is one. */
  public void makeSpareVm() {
    synchronized (this) {
      if (hasSpare) {
        return;
      }
      hasSpare = true;
    }
    Vm made = null;
    try {
      made = BareVm.make(kvm);
    } catch (ErrnoException e) {
      // The next machine tries again, and reports it.
      LOG.debug("cannot create a VM in advance: {}", e.getMessage());
    } finally {
      synchronized (this) {
        spare = made;
        hasSpare = made != null;
      }
    }
  }

  private synchronized void closeSpare() {
    hasSpare = true;
    if (spare != null) {
      spare.close();
      spare = null;
    }
  }

  /** The host's KVM, which stays open until the engine is closed. */
  public Kvm kvm() {
    return kvm;
  }

  /** The host's random generator, which stays open until the engine is closed. */
  public EntropySource entropy() {
    return entropy;
  }

  /**
   * Chooses the kind of thread for work of a machine that mostly waits: a platform thread of its
   * own, or a virtual one in a runtime, where such work shares the threads of the JVM.
   *
   * @param runtime the machine's runtime, if it has one
   */
  public static Thread.Builder threadFor(Optional<?> runtime, String name) {
    return runtime.isPresent() ? Thread.ofVirtual().name(name) : Thread.ofPlatform().name(name);
  }

  /** The number of machines that are not closed. */
  public int machines() {
    return loops.stream().mapToInt(EventLoop::watchCount).sum();
  }

  @Override
  public void close() {
    closeSpare();
    loops.forEach(EventLoop::close);
    entropy.close();
    kvm.close();
  }
}
