package org.microvm.machine;

import java.util.Optional;
import org.microvm.machine.board.KernelMessages;
import org.microvm.machine.board.PowerSwitch;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.OnPanic;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles panics of the guest's kernel: those that it reports at the pvpanic port, and those that
 * are known from its console and its end.
 */
final class PanicControl implements PowerSwitch.Panics {
  private static final Logger LOG = LoggerFactory.getLogger(PanicControl.class);

  private final MachineContext context;
  private final PauseControl pauses;
  private volatile boolean paused;
  private volatile boolean crashKernel;

  PanicControl(MachineContext context, PauseControl pauses) {
    this.context = context;
    this.pauses = pauses;
    context.parts().powerSwitch().onPanic(this);
  }

  /** Whether the guest is paused because it has panicked. */
  boolean isPaused() {
    return paused && pauses.isPaused();
  }

  /** Discards the recorded panics of a guest that boots again. */
  void clear() {
    paused = false;
    crashKernel = false;
    messages().clear();
  }

  @Override
  public boolean endsGuest() {
    if (context.actions().rule().onPanic() != OnPanic.PAUSE) {
      return true;
    }
    boolean pausedBefore = pauses.closeForVcpu();
    pauses.follow("panic", () -> finishPause(pausedBefore));
    return false;
  }

  private void finishPause(boolean pausedBefore) {
    try {
      if (!pauses.awaitStop()) {
        return;
      }
    } catch (InterruptedException impossible) {
      throw new IllegalStateException(impossible);
    }
    paused = true;
    MachineEnd.Panicked panic = panic(PowerSwitch.PVPANIC);
    LOG.warn("{}; it is paused", panic.report());
    firePanicked(panic);
    if (!pausedBefore) {
      context.listeners().fire(MachineListener::paused);
    }
  }

  @Override
  public void crashKernelLoaded() {
    if (!crashKernel) {
      crashKernel = true;
      context.listeners().fire(MachineListener::crashKernelLoaded);
    }
  }

  /**
   * Returns how the guest really ended: a panicked kernel may reset or fault, and a crash kernel
   * may power off, but a panic is no success.
   *
   * @param end how its VM has ended, other than by the host's reset
   */
  MachineEnd classify(MachineEnd end) {
    Optional<String> how =
        switch (end) {
          case MachineEnd.Panicked panic -> Optional.of(panic.how());
          case MachineEnd.Reset(String by) -> howKnown("reset by " + by);
          case MachineEnd.TripleFault fault -> howKnown("triple fault");
          case MachineEnd.Halted halt -> howKnown("halt");
          case MachineEnd.PowerOff off -> howKnown("power-off");
          case MachineEnd.Stopped stopped ->
              paused ? Optional.of("stopped by the host afterwards") : Optional.empty();
          case MachineEnd.DebugExit exit -> Optional.empty();
          case MachineEnd.ResetLoop loop -> Optional.empty();
          case MachineEnd.Migrated migrated -> Optional.empty();
          case MachineEnd.Failed failed -> Optional.empty();
        };
    if (how.isEmpty()) {
      return end;
    }
    MachineEnd.Panicked panic = panic(how.get());
    if (!paused) {
      firePanicked(panic);
    }
    return panic;
  }

  private Optional<String> howKnown(String end) {
    if (crashKernel) {
      return Optional.of(end + " after a crash kernel took over");
    }
    return messages().panic().map(message -> end + " after a panic message on the console");
  }

  private MachineEnd.Panicked panic(String how) {
    return new MachineEnd.Panicked(messages().panic().orElse(""), how);
  }

  private void firePanicked(MachineEnd.Panicked panic) {
    OnPanic action = paused ? OnPanic.PAUSE : endOrRestart();
    context.listeners().fire(listener -> listener.panicked(panic, action));
  }

  /** Without a running guest there is nothing to pause. */
  private OnPanic endOrRestart() {
    OnPanic wanted = context.actions().rule().onPanic();
    return wanted == OnPanic.PAUSE ? OnPanic.EXIT : wanted;
  }

  private KernelMessages messages() {
    return context.parts().messages();
  }
}
