package org.microvm.machine.vcpu;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuRun;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.jfr.ExitEvent;
import org.microvm.machine.jfr.FlightRecording;

/**
 * The thread of one vCPU: a platform thread that calls KVM_RUN and handles port and register
 * accesses, none of which may block.
 */
public final class VcpuThread {
  private static final long JOIN_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final long KICK_AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private static final MachineEnd NO_REPORT =
      new MachineEnd.Failed("the thread of a vCPU ended without a report");

  private final Vcpu vcpu;
  private final ExitHandler handler;
  private final ExitStatistics statistics;
  private final GuestEnder ender;
  private final PauseGate gate;
  private final GuestSampler sampler;
  private final HaltProbe probe;
  private final Thread thread;

  /**
   * Creates the thread without starting it.
   *
   * @param handler also has the statistics that the thread updates
   */
  public VcpuThread(
      Vcpu vcpu, ExitHandler handler, GuestEnder ender, PauseGate gate, GuestSampler sampler) {
    this.sampler = sampler;
    probe = new HaltProbe(vcpu);
    this.vcpu = vcpu;
    this.handler = handler;
    statistics = handler.statistics();
    this.ender = ender;
    this.gate = gate;
    thread = Thread.ofPlatform().name("vcpu-" + vcpu.id()).unstarted(this::loop);
  }

  /** Starts the thread. */
  public void start() {
    thread.start();
  }

  private void loop() {
    try {
      if (gate.isClosed()) {
        gate.pass(ender::ended);
      }
      statistics.entering();
      while (!ender.ended()) {
        if (gate.isClosed()) {
          pause();
        } else {
          enter();
        }
      }
    } catch (Throwable e) {
      // A bug in this program: end the guest with a report.
      ender.end(new MachineEnd.Failed(Thread.currentThread().getName() + ": " + e));
      throw e;
    } finally {
      // In case there was no memory for the report.
      ender.end(NO_REPORT);
    }
  }

  /** Runs the guest until its next exit and handles it; returns the error number of KVM_RUN. */
  private int enter() {
    VcpuRun run = vcpu.runState();
    statistics.enter();
    int errno = vcpu.run();
    statistics.returned();
    if (errno == 0) {
      statistics.exit(run.exitReason());
      if (FlightRecording.isOn() && ExitEvent.isDue(statistics.exits())) {
        handleAndRecord(run);
      } else {
        handler.handle(run);
      }
    } else if (errno == Errno.EINTR) {
      statistics.kicked();
      sampler.answer();
      probe.answer();
    } else if (errno != Errno.EAGAIN) {
      ender.end(new MachineEnd.Failed(failure(errno)));
    }
    return errno;
  }

  private void handleAndRecord(VcpuRun run) {
    ExitEvent event = ExitEvent.of(vcpu.id(), run);
    event.begin();
    handler.handle(run);
    event.after(statistics.lastStayNanos()).commit();
  }

  /**
   * Completes a pending access and waits at the gate. KVM completes a port or MMIO access at the
   * next KVM_RUN (KVM API, section 5), which returns at once after a kick. An access may consist of
   * several exits, so this can take more than one KVM_RUN.
   */
  private void pause() {
    int errno;
    do {
      vcpu.kick();
      errno = enter();
    } while (errno == 0 && !ender.ended());
    gate.pass(ender::ended);
    try {
      vcpu.clock().notifyPaused();
    } catch (ErrnoException noClock) {
      // The guest does not use kvmclock, so it has no watchdog that depends on it.
    }
  }

  private static String failure(int errno) {
    return "KVM_RUN: %s (%s)".formatted(Errno.name(errno), Errno.describe(errno));
  }

  /**
   * Waits until the thread has ended, and kicks the vCPU out of the guest until then.
   *
   * @throws IllegalStateException if it does not end within 5 seconds
   */
  public void join() {
    long deadline = System.nanoTime() + JOIN_NANOS;
    while (thread.isAlive()) {
      if (System.nanoTime() - deadline > 0) {
        throw new IllegalStateException(thread.getName() + " did not end within 5 s");
      }
      vcpu.kick();
      joinBriefly();
    }
  }

  private void joinBriefly() {
    try {
      thread.join(TimeUnit.NANOSECONDS.toMillis(KICK_AGAIN_NANOS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      LockSupport.parkNanos(KICK_AGAIN_NANOS);
    }
  }

  /** Requests a sample of the guest; none is taken while the guest is paused. */
  public void sample(Consumer<GuestSample> sink) {
    sampler.request(sink);
  }

  /** Returns the probe that detects whether the vCPU has stopped permanently. */
  public HaltProbe probe() {
    return probe;
  }

  /** Returns whether the caller runs on this thread. */
  public boolean isCurrent() {
    return Thread.currentThread() == thread;
  }

  /** Makes the vCPU leave the guest, so that it notices a pause or the end. */
  public void kick() {
    vcpu.kick();
  }
}
