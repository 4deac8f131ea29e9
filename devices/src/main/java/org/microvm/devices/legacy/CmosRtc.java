package org.microvm.devices.legacy;

import java.time.InstantSource;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Objects;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.Stateful;

/**
 * The MC146818 clock at ports 0x70 (index) and 0x71 (data): the host's time in UTC, and CMOS RAM.
 *
 * <p>The clock cannot be set, raises no interrupts, and its update-in-progress bit is never set. To
 * give the guest a consistent time nevertheless, the time is latched when register A or the seconds
 * are read, as every driver does first, and the other registers show the latched time for up to a
 * second.
 *
 * <p>Memory bytes start as zero and keep what the guest writes, such as Linux's shutdown code.
 */
public final class CmosRtc implements BusDevice, Stateful {
  /** The first port of the range. */
  public static final int PORT = 0x70;

  /** The number of ports. */
  public static final int PORT_COUNT = 2;

  /** The size of registers and memory together. */
  static final int MEMORY_BYTES = 128;

  private static final int SECONDS = 0;
  private static final int MINUTES = 2;
  private static final int HOURS = 4;
  private static final int DAY_OF_WEEK = 6;
  private static final int DAY = 7;
  private static final int MONTH = 8;
  private static final int YEAR = 9;
  private static final int REGISTER_A = 10;
  private static final int REGISTER_B = 11;
  private static final int REGISTER_C = 12;
  private static final int REGISTER_D = 13;
  private static final int CENTURY = 0x32;

  /** 32,768 Hz time base, 1,024 Hz rate, no update in progress: as set by a PC's firmware. */
  private static final int A_DEFAULT = 0x26;

  private static final int A_UPDATE_IN_PROGRESS = 1 << 7;
  private static final int B_24_HOURS = 1 << 1;
  private static final int B_BINARY = 1 << 2;
  private static final int D_TIME_VALID = 1 << 7;
  private static final int PM = 1 << 7;
  private static final long LATCH_MILLIS = 1000;

  private final InstantSource clock;
  private final byte[] memory = new byte[MEMORY_BYTES];
  private int index;
  private LocalDateTime time;
  private long takenMillis;

  /**
   * Creates a clock with zeroed CMOS RAM.
   *
   * @param clock the time to show, {@link InstantSource#system()} outside tests
   */
  public CmosRtc(InstantSource clock) {
    this.clock = Objects.requireNonNull(clock);
    memory[REGISTER_A] = A_DEFAULT;
    memory[REGISTER_B] = B_24_HOURS;
    memory[REGISTER_D] = (byte) D_TIME_VALID;
    take();
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
    return 1;
  }

  @Override
  public synchronized void save(StateOutput output) {
    new CmosState(memory.clone(), index).write(output);
  }

  /** Restores everything but the time, which is the host's current time. */
  @Override
  public synchronized void restore(StateInput input) throws StateException {
    CmosState state = CmosState.read(input);
    System.arraycopy(state.memory(), 0, memory, 0, MEMORY_BYTES);
    index = state.index();
    take();
  }

  /**
   * Resets index and control registers to what a PC's firmware sets. The memory stays, because a
   * battery keeps it in a PC.
   */
  @Override
  public synchronized void reset() {
    index = 0;
    memory[REGISTER_A] = A_DEFAULT;
    memory[REGISTER_B] = B_24_HOURS;
    take();
  }

  /**
   * Checks the registers that a guest cannot write.
   *
   * @throws StateException if they do not have their fixed values
   */
  static void check(byte[] memory, StateInput input) throws StateException {
    boolean updating = (memory[REGISTER_A] & A_UPDATE_IN_PROGRESS) != 0;
    if (updating || memory[REGISTER_C] != 0 || memory[REGISTER_D] != (byte) D_TIME_VALID) {
      throw input.damaged("a read-only register does not have its value");
    }
  }

  private int readRegister() {
    if (index == SECONDS || index == REGISTER_A || staleLatch()) {
      take();
    }
    return switch (index) {
      case SECONDS -> number(time.getSecond());
      case MINUTES -> number(time.getMinute());
      case HOURS -> hours(time.getHour());
      case DAY_OF_WEEK -> number(time.getDayOfWeek().getValue() % 7 + 1); // Sunday is 1
      case DAY -> number(time.getDayOfMonth());
      case MONTH -> number(time.getMonthValue());
      case YEAR -> number(time.getYear() % 100);
      case CENTURY -> number(time.getYear() / 100);
      default -> memory[index] & 0xff;
    };
  }

  private void writeRegister(int value) {
    switch (index) {
      case REGISTER_A -> memory[index] = (byte) (value & ~A_UPDATE_IN_PROGRESS);
      case REGISTER_C, REGISTER_D -> {
        // Read-only: no interrupt is ever pending, and the battery never fails.
      }
      default -> memory[index] = (byte) value;
    }
  }

  private void take() {
    takenMillis = clock.millis();
    time = LocalDateTime.ofInstant(clock.instant(), ZoneOffset.UTC);
  }

  private boolean staleLatch() {
    long age = clock.millis() - takenMillis;
    return age < 0 || age >= LATCH_MILLIS;
  }

  private int hours(int hour) {
    if ((memory[REGISTER_B] & B_24_HOURS) != 0) {
      return number(hour);
    }
    int onDial = (hour + 11) % 12 + 1;
    return hour < 12 ? number(onDial) : number(onDial) | PM;
  }

  private int number(int value) {
    return (memory[REGISTER_B] & B_BINARY) != 0 ? value : value / 10 << 4 | value % 10;
  }
}
