package org.microvm.devices.legacy;

import java.time.Duration;
import java.time.InstantSource;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoField;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.microvm.devices.IrqTrigger;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.Stateful;
import org.microvm.linux.EventLoop;

/**
 * The MC146818 clock at ports 0x70 (index) and 0x71 (data): the host's time in UTC plus what the
 * guest has set, interrupts of updates, alarms and periods, and CMOS RAM. Linux:
 * include/linux/mc146818rtc.h and drivers/rtc/rtc-cmos.c.
 *
 * <p>To give the guest a consistent time, the time is latched when register A or the seconds are
 * read, as every driver does first, and the other registers show the latched time for up to a
 * second.
 *
 * <p>A flag of register C raises no further interrupt until the guest has read it. So a guest has
 * at most one timer, and gets no more interrupts than it serves.
 *
 * <p>The battery keeps memory and time when the guest is reset. Memory bytes start as zero and keep
 * what the guest writes, such as Linux's shutdown code.
 */
public final class CmosRtc implements BusDevice, Stateful {
  /** The first port of the range. */
  public static final int PORT = 0x70;

  /** The number of ports. */
  public static final int PORT_COUNT = 2;

  /** The interrupt on a PC. */
  public static final int IRQ = 8;

  /** The size of registers and memory together. */
  static final int MEMORY_BYTES = 128;

  static final int REGISTER_A = 10;
  static final int REGISTER_B = 11;
  static final int REGISTER_C = 12;
  static final int REGISTER_D = 13;

  /** 32,768 Hz time base, 1,024 Hz rate, no update in progress: as set by a PC's firmware. */
  private static final int A_DEFAULT = 0x26;

  static final int A_UPDATE_IN_PROGRESS = 1 << 7;
  private static final int A_DIVIDER = 0x70;
  private static final int A_DIVIDER_RUNS = 0x20;
  private static final int A_DIVIDER_RESET = 0x60;
  private static final int B_24_HOURS = 1 << 1;
  private static final int B_BINARY = 1 << 2;
  private static final int B_SET = 1 << 7;

  /** The bits of register B that enable the interrupts of the same bits in register C. */
  static final int UPDATE = 1 << 4;

  private static final int ALARM = 1 << 5;
  private static final int PERIODIC = 1 << 6;
  static final int INTERRUPTS = UPDATE | ALARM | PERIODIC;
  static final int C_INTERRUPT = 1 << 7;
  static final int D_TIME_VALID = 1 << 7;

  private static final long LATCH_MILLIS = 1000;
  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** How long before an update the update-in-progress bit is set. */
  private static final long UPDATE_NANOS = 244_000;

  /** The first update after the divider has left its reset comes after half a second. */
  private static final int HALF_SECOND_NANOS = 500_000_000;

  /** The longest wait of a timer, because the host's clock may be set meanwhile. */
  private static final long MAX_DELAY_NANOS = TimeUnit.MINUTES.toNanos(1);

  private final InstantSource clock;
  private final Timers timers;
  private final IrqTrigger interrupt;
  private final byte[] memory = new byte[MEMORY_BYTES];
  private int index;

  /** How far the guest's time is ahead of the host's. */
  private Duration offset = Duration.ZERO;

  private boolean wired = true;
  private long latchedMillis;

  /** The time up to which the flags of register C are computed. */
  private LocalDateTime updatedUntil;

  /** The timer of the next interrupt, or null. */
  private EventLoop.Timer timer;

  /** Runs tasks later, as {@link EventLoop#schedule} does. */
  @FunctionalInterface
  public interface Timers {
    /**
     * Runs a task on another thread when a delay has passed.
     *
     * @param delayNanos the delay in nanoseconds
     * @param task called once, unless the timer is cancelled before
     * @return the timer
     * @throws RejectedExecutionException if tasks are no longer run
     */
    EventLoop.Timer schedule(long delayNanos, Runnable task);
  }

  /**
   * Creates a clock with the host's time and zeroed CMOS RAM.
   *
   * @param clock the host's time, {@link InstantSource#system()} outside tests
   * @param timers for interrupts to come
   * @param interrupt raised when register C gets an enabled flag
   */
  public CmosRtc(InstantSource clock, Timers timers, IrqTrigger interrupt) {
    this.clock = Objects.requireNonNull(clock);
    this.timers = Objects.requireNonNull(timers);
    this.interrupt = Objects.requireNonNull(interrupt);
    memory[REGISTER_A] = A_DEFAULT;
    memory[REGISTER_B] = B_24_HOURS;
    memory[REGISTER_D] = (byte) D_TIME_VALID;
    latchTime();
    updatedUntil = now();
  }

  /**
   * {@return whether the clock has its interrupt; false in a guest that was started by a version
   * that gave the interrupt to another device, until it is reset}
   */
  public synchronized boolean isWired() {
    return wired;
  }

  /** The index port cannot be read back, as on a PC. */
  @Override
  public synchronized long read(long offset, int size) {
    return offset == 0 ? 0xff : readRegister();
  }

  @Override
  public synchronized void write(long offset, int size, long value) {
    if (offset == 0) {
      index = (int) value & (MEMORY_BYTES - 1); // bit 7 masks NMIs
      // A 16-bit write to the index port reaches the data port with its upper half.
      if (size > 1) {
        writeRegister((int) value >> Byte.SIZE);
      }
    } else {
      writeRegister((int) value);
    }
  }

  @Override
  public int stateVersion() {
    return 2;
  }

  @Override
  public synchronized void save(StateOutput output) {
    byte[] saved = memory.clone();
    if (isRunning()) {
      for (int register = 0; register < saved.length; register++) {
        saved[register] = RtcTime.isTime(register) ? 0 : saved[register];
      }
    }
    new CmosState(saved, index, offset, wired).write(output);
  }

  /** Restores everything; the time is the host's present time plus what the guest has set. */
  @Override
  public synchronized void restore(StateInput input) throws StateException {
    CmosState state = CmosState.read(input);
    System.arraycopy(state.memory(), 0, memory, 0, MEMORY_BYTES);
    index = state.index();
    offset = state.offset();
    wired = state.wired();
    if (isRunning() || !state.hasTime()) {
      latchTime();
    }
    updatedUntil = now();
    if ((memory[REGISTER_C] & C_INTERRUPT) != 0) {
      // The edge may not have reached the interrupt controller before that was saved.
      raise();
    }
    schedule();
  }

  /** Resets index and control registers to what a PC's firmware sets. */
  @Override
  public synchronized void reset() {
    boolean stopped = !isRunning();
    index = 0;
    memory[REGISTER_A] = A_DEFAULT;
    if (stopped) {
      start();
    }
    memory[REGISTER_B] = B_24_HOURS;
    memory[REGISTER_C] = 0;
    wired = true;
    latchTime();
    updatedUntil = now();
    schedule();
  }

  private int readRegister() {
    if (isRunning() && (index == RtcTime.SECONDS || index == REGISTER_A || isLatchStale())) {
      latchTime();
    }
    return switch (index) {
      case REGISTER_A -> memory[REGISTER_A] & 0xff | (isUpdating() ? A_UPDATE_IN_PROGRESS : 0);
      case REGISTER_C -> {
        update();
        int flags = memory[REGISTER_C] & 0xff;
        memory[REGISTER_C] = 0;
        schedule();
        yield flags;
      }
      default -> memory[index] & 0xff;
    };
  }

  private void writeRegister(int value) {
    switch (index) {
      case REGISTER_C, REGISTER_D -> {
        // Read-only: a read of C clears it, and the battery never fails.
      }
      case REGISTER_A -> changeControl(value & ~A_UPDATE_IN_PROGRESS);
      // The set bit ends the interrupts of updates.
      case REGISTER_B -> changeControl((value & B_SET) != 0 ? value & ~UPDATE : value);
      case RtcAlarm.SECONDS, RtcAlarm.MINUTES, RtcAlarm.HOURS -> {
        update();
        memory[index] = (byte) value;
        schedule();
      }
      default -> {
        if (isRunning() && RtcTime.isTime(index)) {
          update();
          latchTime();
          memory[index] = (byte) value;
          start();
          schedule();
        } else {
          memory[index] = (byte) value;
        }
      }
    }
  }

  /** Writes register A or B, which may stop or start the clock. */
  private void changeControl(int value) {
    update();
    boolean ran = isRunning();
    if (ran) {
      latchTime();
    }
    boolean wasReset = isDividerReset();
    memory[index] = (byte) value;
    if (wasReset && !isDividerReset()) {
      offset = offset.plusNanos(HALF_SECOND_NANOS - now().get(ChronoField.NANO_OF_SECOND));
    }
    if (!ran && isRunning()) {
      start();
    }
    if (isRunning()) {
      latchTime();
    }
    updatedUntil = now();
    showInterrupt();
    schedule();
  }

  /** Starts the clock at the time in its registers; the phase of the second is kept. */
  private void start() {
    LocalDateTime now = now();
    LocalDateTime set = format().read(memory).plusNanos(now.get(ChronoField.NANO_OF_SECOND));
    offset = offset.plus(Duration.between(now, set));
    updatedUntil = now();
  }

  /** Copies the present time to the registers. */
  private void latchTime() {
    latchedMillis = clock.millis();
    format().show(now(), memory);
  }

  private boolean isLatchStale() {
    long age = clock.millis() - latchedMillis;
    return age < 0 || age >= LATCH_MILLIS;
  }

  /** The time of the guest, if the clock runs. */
  private LocalDateTime now() {
    return LocalDateTime.ofInstant(clock.instant(), ZoneOffset.UTC).plus(offset);
  }

  private RtcTime format() {
    return new RtcTime(has(B_24_HOURS), has(B_BINARY));
  }

  private boolean has(int bitOfRegisterB) {
    return (memory[REGISTER_B] & bitOfRegisterB) != 0;
  }

  private boolean isRunning() {
    return !has(B_SET) && doesDividerRun();
  }

  private boolean doesDividerRun() {
    return (memory[REGISTER_A] & A_DIVIDER) <= A_DIVIDER_RUNS;
  }

  private boolean isDividerReset() {
    return (memory[REGISTER_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
  }

  private boolean isUpdating() {
    return isRunning() && now().get(ChronoField.NANO_OF_SECOND) >= SECOND_NANOS - UPDATE_NANOS;
  }

  /** Sets the flags of register C for what has happened by now. */
  private void update() {
    LocalDateTime now = now();
    int flags = 0;
    if (isRunning() && now.truncatedTo(ChronoUnit.SECONDS).isAfter(updatedUntil)) {
      flags |= UPDATE;
      Optional<LocalDateTime> alarm = RtcAlarm.of(memory, format()).after(updatedUntil);
      flags |= alarm.isPresent() && !alarm.get().isAfter(now) ? ALARM : 0;
    }
    RtcPeriod period = RtcPeriod.of(memory[REGISTER_A]);
    if (doesDividerRun() && !period.isOff() && period.count(now) > period.count(updatedUntil)) {
      flags |= PERIODIC;
    }
    updatedUntil = now;
    memory[REGISTER_C] |= (byte) flags;
    showInterrupt();
  }

  /** Raises the interrupt if a flag has become one that is enabled. */
  private void showInterrupt() {
    boolean before = (memory[REGISTER_C] & C_INTERRUPT) != 0;
    boolean pending = (memory[REGISTER_C] & memory[REGISTER_B] & INTERRUPTS) != 0;
    memory[REGISTER_C] = (byte) (memory[REGISTER_C] & ~C_INTERRUPT | (pending ? C_INTERRUPT : 0));
    if (pending && !before) {
      raise();
    }
  }

  private void raise() {
    if (wired) {
      interrupt.raise();
    }
  }

  /** Sets the timer for the next interrupt, unless one is pending. */
  private void schedule() {
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
    if ((memory[REGISTER_C] & C_INTERRUPT) != 0) {
      return;
    }
    long delay = Math.min(nanosToUpdate(), nanosToPeriod());
    if (delay < Long.MAX_VALUE) {
      try {
        timer = timers.schedule(Math.min(delay, MAX_DELAY_NANOS), this::onTimer);
      } catch (RejectedExecutionException e) {
        return; // The machine ends.
      }
    }
  }

  private synchronized void onTimer() {
    update();
    schedule();
  }

  private long nanosToUpdate() {
    LocalDateTime now = now();
    if (isRunning() && has(UPDATE)) {
      return SECOND_NANOS - now.get(ChronoField.NANO_OF_SECOND);
    }
    if (isRunning() && has(ALARM)) {
      return RtcAlarm.of(memory, format())
          .after(now)
          .map(alarm -> Duration.between(now, alarm).toNanos())
          .orElse(Long.MAX_VALUE);
    }
    return Long.MAX_VALUE;
  }

  private long nanosToPeriod() {
    RtcPeriod period = RtcPeriod.of(memory[REGISTER_A]);
    return has(PERIODIC) && doesDividerRun() && !period.isOff()
        ? period.nanosToNext(now())
        : Long.MAX_VALUE;
  }
}
