package org.microvm.machine.vcpu;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Detects that a guest has halted permanently. Once a second it checks whether the threads of the
 * vCPUs sleep, without interrupting them. It probes the vCPUs only after they have slept for some
 * time.
 *
 * <p>An idle guest is checked once per sleep, because it cannot halt without waking up. The delay
 * before each check doubles, up to half a minute, so the vCPUs rarely leave the guest. A guest that
 * has announced its halt is checked at once. Used by one thread.
 */
public final class HaltWatch {
  /** The most ticks of sleep before the vCPUs are probed. */
  static final int MAX_PATIENCE = 32;

  private final List<? extends Watched> vcpus;
  private final BooleanSupplier announced;
  private Phase phase = Phase.WATCHING;

  /** How often each thread had slept at the last tick, and when its vCPU last was not halted. */
  private long[] last;

  private long[] idle;
  private int quiet;
  private int patience = 1;

  private enum Phase {
    WATCHING,
    ASKED,
    CONFIRMING
  }

  /** One vCPU. */
  public interface Watched {
    /** How often its thread has gone to sleep, or -1 if it does not sleep in the guest. */
    long sleeps();

    /**
     * Requests a check whether the vCPU has stopped permanently; {@link #hasStopped} has the result
     * soon.
     */
    void ask();

    /** The answer, if there is one yet. */
    Optional<Boolean> hasStopped();

    /** Where it has stopped, as text for the user. */
    String place();
  }

  /**
   * Watches the vCPUs of one guest.
   *
   * @param announced whether the guest has announced that it halts
   */
  public HaltWatch(List<? extends Watched> vcpus, BooleanSupplier announced) {
    this.vcpus = vcpus;
    this.announced = announced;
  }

  /**
   * Checks the vCPUs; to be called once a second.
   *
   * @return whether all of them have stopped permanently
   */
  public boolean tick() {
    long[] now = vcpus.stream().mapToLong(Watched::sleeps).toArray();
    boolean slept = Arrays.equals(now, last) && Arrays.stream(now).allMatch(count -> count >= 0);
    last = now;
    switch (phase) {
      case WATCHING -> watch(slept);
      case ASKED -> phase = evaluate();
      case CONFIRMING -> {
        if (slept) {
          return true;
        }
        phase = Phase.WATCHING;
      }
    }
    return false;
  }

  private void watch(boolean slept) {
    quiet = slept ? quiet + 1 : 0;
    boolean due = quiet >= patience || quiet > 0 && announced.getAsBoolean();
    if (due && !Arrays.equals(last, idle)) {
      vcpus.forEach(Watched::ask);
      phase = Phase.ASKED;
      quiet = 0;
    }
  }

  private Phase evaluate() {
    if (vcpus.stream().allMatch(vcpu -> vcpu.hasStopped().orElse(false))) {
      return Phase.CONFIRMING;
    }
    idle = last;
    patience = Math.min(2 * patience, MAX_PATIENCE);
    return Phase.WATCHING;
  }

  /** Describes the halt in one line. */
  public String report() {
    return "the guest has halted: every vCPU has stopped with interrupts off, and nothing can wake it ("
        + vcpus.stream().map(Watched::place).collect(Collectors.joining(", "))
        + ")";
  }
}
