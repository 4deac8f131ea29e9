package org.microvm.machine;

import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.jfr.FlightRecording;
import org.microvm.machine.vm.VmInstance;

/** Runs a machine's guest on a thread of its own, from start to end and through resets. */
final class MachineSupervisor {
  private static final long JOIN_SECONDS = 10;

  private final MachineContext context;
  private final MachineLifecycle lifecycle;
  private final PanicControl panics;
  private final Thread thread = Thread.ofPlatform().name("machine").unstarted(this::supervise);

  /** Whether the host asked for the reset by which the guest has ended last. */
  private boolean resetByHost;

  MachineSupervisor(MachineContext context, PanicControl panics) {
    this.context = context;
    this.panics = panics;
    lifecycle = context.lifecycle();
  }

  /** Starts the thread, which first waits for {@code wait=on} channels. */
  void start() {
    thread.start();
  }

  /** Waits until the thread has ended, for a limited time. */
  void join() {
    try {
      // The thread may be the one that closes the machine, as a dependent of end().
      if (thread.isAlive() && Thread.currentThread() != thread) {
        thread.join(TimeUnit.SECONDS.toMillis(JOIN_SECONDS));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void supervise() {
    MachineEnd last;
    try {
      context.parts().awaitReadyToBoot();
      FlightRecording.tell("started", "");
      last = runGuest();
      while (restartsAfter(last)) {
        last = lifecycle.restart(this::powerOn) ? runGuest() : new MachineEnd.Stopped();
      }
    } catch (MachineException | RuntimeException e) {
      last = new MachineEnd.Failed(e.getMessage() == null ? e.toString() : e.getMessage());
    }
    FlightRecording.tell("ended", last.toString());
    lifecycle.finish(last);
  }

  /** Runs the guest until it ends, and returns how it did, which may be by a panic. */
  private MachineEnd runGuest() {
    MachineEnd end = lifecycle.instance().runUntilEnd();
    resetByHost = end instanceof MachineEnd.Reset && lifecycle.takeResetAsked();
    return resetByHost ? end : panics.judge(end);
  }

  private boolean restartsAfter(MachineEnd end) {
    Optional<MachineEnd.Reset> reset = RestartRule.of(context.config()).apply(end, resetByHost);
    reset.ifPresent(
        how -> context.listeners().forEach(listener -> listener.reset(how, resetByHost)));
    return reset.isPresent();
  }

  private VmInstance powerOn() throws MachineException {
    // The log belongs to the memory slots of the VM that has ended.
    context.tracking().end();
    context.parts().board().reset();
    panics.forget();
    return VmInstance.powerOn(context.config(), context.parts());
  }
}
