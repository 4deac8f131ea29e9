package org.microvm.machine;

import java.util.concurrent.TimeUnit;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.config.OnReset;
import org.microvm.machine.jfr.FlightRecording;
import org.microvm.machine.vm.VmInstance;

/** Runs a machine's guest on a thread of its own, from start to end and through resets. */
final class MachineSupervisor {
  private static final long JOIN_SECONDS = 10;

  private final MachineContext context;
  private final MachineLifecycle lifecycle;
  private final Thread thread = Thread.ofPlatform().name("machine").unstarted(this::supervise);

  MachineSupervisor(MachineContext context) {
    this.context = context;
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
      last = lifecycle.instance().runUntilEnd();
      while (last instanceof MachineEnd.Reset reset && restartsAfter(reset)) {
        last =
            lifecycle.restart(this::powerOn)
                ? lifecycle.instance().runUntilEnd()
                : new MachineEnd.Stopped();
      }
    } catch (MachineException | RuntimeException e) {
      last = new MachineEnd.Failed(e.getMessage() == null ? e.toString() : e.getMessage());
    }
    FlightRecording.tell("ended", last.toString());
    lifecycle.finish(last);
  }

  private boolean restartsAfter(MachineEnd.Reset reset) {
    boolean byHost = lifecycle.takeResetAsked();
    if (byHost || context.config().onReset() == OnReset.RESTART) {
      context.listeners().forEach(listener -> listener.reset(reset, byHost));
      return true;
    }
    return false;
  }

  /** Returns a new VM, or null if the machine is stopped before the devices are reset. */
  private VmInstance powerOn() throws MachineException {
    // The log belongs to the memory slots of the VM that has ended.
    context.tracking().end();
    return context.parts().board().reset()
        ? VmInstance.powerOn(context.config(), context.parts())
        : null;
  }
}
