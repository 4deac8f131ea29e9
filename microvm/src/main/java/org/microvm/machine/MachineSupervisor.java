package org.microvm.machine;

import java.time.Duration;
import java.util.Optional;
import org.microvm.linux.FailureText;
import org.microvm.linux.UninterruptedJoin;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.engine.SharedEngine;
import org.microvm.machine.jfr.FlightRecording;
import org.microvm.machine.vm.VmInstance;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a machine's guest on a thread of its own, from start to end and through resets. */
final class MachineSupervisor {
  private static final Logger LOG = LoggerFactory.getLogger(MachineSupervisor.class);
  private static final Duration JOIN_LIMIT = Duration.ofSeconds(10);

  /** Used if not even the failure can be described, for instance for lack of memory. */
  private static final MachineEnd NO_REPORT =
      new MachineEnd.Failed("the machine's thread ended without a report");

  /** Failures of the guest that are logged before it starts again. */
  private static final int MAX_REPORTS = 5;

  private final MachineContext context;
  private final MachineLifecycle lifecycle;
  private final PanicControl panics;
  private final ResetLoop loop;
  private final Thread thread;

  /** Whether the host requested the reset that ended the guest last. */
  private boolean resetByHost;

  private long bootNanos;
  private int reports;

  /** Whether a program in the guest has opened a channel since power-on. */
  private volatile boolean usedChannel;

  MachineSupervisor(MachineContext context, PanicControl panics) {
    this.context = context;
    this.panics = panics;
    loop = new ResetLoop(context.config().resetLimit());
    lifecycle = context.lifecycle();
    thread =
        SharedEngine.threadFor(context.config().runtime(), "machine").unstarted(this::supervise);
  }

  /** Starts the thread, which first waits for {@code wait=on} channels. */
  void start() {
    thread.start();
  }

  /**
   * Waits until the thread has ended, for a limited time, even if the caller is interrupted: the
   * thread may be about to replace the VM that the caller closes.
   */
  void join() {
    // The thread may be the one that closes the machine, as a dependent of end().
    boolean itself = Thread.currentThread() == thread;
    if (!itself && UninterruptedJoin.within(JOIN_LIMIT, thread)) {
      Thread.currentThread().interrupt();
    }
  }

  private void supervise() {
    MachineEnd last = NO_REPORT;
    try {
      last = runThroughResets();
    } catch (MachineException e) {
      last = new MachineEnd.Failed(FailureText.of(e));
    } catch (RuntimeException | Error e) {
      last = new MachineEnd.Failed(FailureText.of(e));
      LOG.error("the machine ends", e);
    } finally {
      finish(last);
    }
  }

  /** Runs the guest until it does not start again, and returns how it has ended. */
  private MachineEnd runThroughResets() throws MachineException {
    context.parts().serial().addListener(new ChannelUse());
    context.parts().awaitReadyToBoot();
    FlightRecording.emitLifecycle("started", "");
    MachineEnd last = runGuest();
    Optional<MachineEnd.Reset> reset = resetAfter(last);
    while (reset.isPresent()) {
      last = startAgain(last, reset.get());
      reset = resetAfter(last);
    }
    return last;
  }

  private void finish(MachineEnd last) {
    try {
      lifecycle.instance().end(last);
      FlightRecording.emitLifecycle("ended", last.toString());
    } finally {
      lifecycle.finish(last);
    }
  }

  private final class ChannelUse implements PortListener {
    @Override
    public void guestOpened(PortInfo port) {
      usedChannel = true;
    }
  }

  /** Runs the guest until it ends, and returns how it did, which may be by a panic. */
  private MachineEnd runGuest() {
    bootNanos = System.nanoTime();
    MachineEnd end = lifecycle.instance().runUntilEnd();
    resetByHost = end instanceof MachineEnd.Reset && lifecycle.takeResetAsked();
    return resetByHost ? end : panics.classify(end);
  }

  private Optional<MachineEnd.Reset> resetAfter(MachineEnd end) {
    return context.actions().rule().apply(end, resetByHost);
  }

  private MachineEnd startAgain(MachineEnd end, MachineEnd.Reset how) throws MachineException {
    if (resetByHost) {
      loop.clear();
    } else if (loop.add(Duration.ofNanos(System.nanoTime() - bootNanos), usedChannel)) {
      return new MachineEnd.ResetLoop(loop.failures(), how.how());
    }
    report(end);
    context.listeners().fire(listener -> listener.reset(how, resetByHost));
    return lifecycle.restart(this::powerOn) ? runGuest() : new MachineEnd.Stopped();
  }

  /** Logs a failure after which the guest starts again, but not without limit. */
  private void report(MachineEnd end) {
    if (reports < MAX_REPORTS && end instanceof MachineEnd.Panicked panic) {
      reports++;
      LOG.warn("{}; it starts again", panic.report());
    } else if (reports < MAX_REPORTS && end instanceof MachineEnd.TripleFault(String report)) {
      reports++;
      LOG.warn("{}", report);
    }
  }

  /** Returns a new VM, or null if the machine is stopped before the devices are reset. */
  private VmInstance powerOn() throws MachineException {
    // The log belongs to the memory slots of the VM that has ended.
    context.tracking().end();
    if (!context.parts().board().reset()) {
      return null;
    }
    panics.clear();
    usedChannel = false;
    return VmInstance.powerOn(context.config(), context.parts());
  }
}
