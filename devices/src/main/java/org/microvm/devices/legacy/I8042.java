package org.microvm.devices.legacy;

import java.util.Objects;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.Stateful;

/**
 * A keyboard controller without a keyboard, for its reset line (Linux:
 * drivers/input/serio/i8042.c); ports 0x60 (data) to 0x64 (command).
 *
 * <p>Ports 0x61 to 0x63 are within the range but do not belong to the controller: they read as all
 * ones, except bits 7 and 6 of 0x61. A kernel looks there for the cause of an NMI: a PCI system
 * error or an I/O check.
 *
 * <p>Linux first drains the controller when it probes it, and each later step of the probe waits up
 * to half a second. So a new controller returns more stale bytes than a real one can hold: Linux
 * reports {@code No controller found} after 16 of them, in about a millisecond. Their number is
 * finite, so a guest that drains without a limit stops too. The first command discards the stale
 * bytes. The input buffer is always free, so that {@code reboot=k} never waits before it pulses the
 * line.
 */
public final class I8042 implements BusDevice, Stateful {
  /** The first port of the range. */
  public static final int PORT = 0x60;

  /** The number of ports. */
  public static final int PORT_COUNT = 5;

  /** Twice the number of bytes after which Linux stops reading (I8042_BUFFER_SIZE). */
  static final int STALE_BYTES = 32;

  private static final int DATA = 0;
  private static final int NMI_STATUS = 1;
  private static final int COMMAND = 4;

  private static final int NO_NMI_CAUSE = 0x3f;

  private static final int STATUS_OUTPUT_FULL = 1;
  private static final int STATUS_SELF_TEST_PASSED = 1 << 2;
  private static final int STATUS_NOT_LOCKED = 1 << 4;

  private static final int READ_CONFIGURATION = 0x20;
  private static final int WRITE_CONFIGURATION = 0x60;
  private static final int TEST_AUX = 0xa9;
  private static final int SELF_TEST = 0xaa;
  private static final int TEST_KEYBOARD = 0xab;
  private static final int READ_OUTPUT_PORT = 0xd0;
  private static final int WRITE_OUTPUT_PORT = 0xd1;
  private static final int WRITE_KEYBOARD_BUFFER = 0xd2;
  private static final int WRITE_AUX_BUFFER = 0xd3;
  private static final int WRITE_AUX = 0xd4;
  private static final int PULSE_OUTPUT_PORT = 0xf0;

  private static final int SELF_TEST_PASSED = 0x55;
  private static final int TEST_CLOCK_STUCK = 1;
  private static final int OUTPUT_NOT_RESET = 1;
  private static final int OUTPUT_A20 = 1 << 1;

  private final MachineEvents events;
  private int configuration;
  private int stale = STALE_BYTES;
  private int output = -1;
  private int awaitsData;

  /**
   * Creates a controller with stale bytes in its output buffer.
   *
   * @param events receives a reset request when the guest pulses the reset line
   */
  public I8042(MachineEvents events) {
    this.events = Objects.requireNonNull(events);
  }

  @Override
  public long read(long offset, int size) {
    if (offset == DATA) {
      return readData();
    }
    if (offset == NMI_STATUS) {
      return NO_NMI_CAUSE;
    }
    return offset == COMMAND ? readStatus() : 0xff;
  }

  @Override
  public void write(long offset, int size, long value) {
    boolean reset = false;
    if (offset == DATA) {
      reset = writeData((int) value & 0xff);
    } else if (offset == COMMAND) {
      reset = command((int) value & 0xff);
    }
    if (reset) {
      events.resetRequested("i8042");
    }
  }

  @Override
  public int stateVersion() {
    return 1;
  }

  @Override
  public synchronized void save(StateOutput output) {
    new I8042State(configuration, stale, this.output, awaitsData).write(output);
  }

  @Override
  public synchronized void restore(StateInput input) throws StateException {
    I8042State state = I8042State.read(input);
    configuration = state.configuration();
    stale = state.stale();
    output = state.output();
    awaitsData = state.awaitsData();
  }

  @Override
  public synchronized void reset() {
    configuration = 0;
    stale = STALE_BYTES;
    output = -1;
    awaitsData = 0;
  }

  /** Whether a byte written to the data port is the command's operand. */
  static boolean hasOperand(int command) {
    return switch (command) {
      case WRITE_CONFIGURATION,
          WRITE_OUTPUT_PORT,
          WRITE_KEYBOARD_BUFFER,
          WRITE_AUX_BUFFER,
          WRITE_AUX ->
          true;
      default -> false;
    };
  }

  private synchronized int readStatus() {
    int full = output >= 0 || stale > 0 ? STATUS_OUTPUT_FULL : 0;
    return STATUS_NOT_LOCKED | STATUS_SELF_TEST_PASSED | full;
  }

  private synchronized int readData() {
    int value = Math.max(output, 0);
    if (output < 0 && stale > 0) {
      stale--;
    }
    output = -1;
    return value;
  }

  /** Executes a command; returns whether it pulses the reset line. */
  private synchronized boolean command(int command) {
    stale = 0;
    awaitsData = hasOperand(command) ? command : 0;
    switch (command) {
      case READ_CONFIGURATION -> output = configuration;
      case SELF_TEST -> output = SELF_TEST_PASSED;
      case TEST_AUX, TEST_KEYBOARD -> output = TEST_CLOCK_STUCK;
      case READ_OUTPUT_PORT -> output = OUTPUT_A20 | OUTPUT_NOT_RESET;
      default -> {
        // 0xf0 to 0xff pulse the lines whose bit is 0: 0xfe is the usual way to pulse reset alone.
        return command >= PULSE_OUTPUT_PORT && (command & OUTPUT_NOT_RESET) == 0;
      }
    }
    return false;
  }

  /**
   * Accepts a command's operand, or a byte for the absent keyboard; returns whether it pulses the
   * reset line.
   */
  private synchronized boolean writeData(int value) {
    int command = awaitsData;
    awaitsData = 0;
    switch (command) {
      case WRITE_CONFIGURATION -> configuration = value;
      case WRITE_OUTPUT_PORT -> {
        return (value & OUTPUT_NOT_RESET) == 0;
      }
      // Without the "from aux" status bit, so Linux immediately finds no aux port.
      case WRITE_KEYBOARD_BUFFER, WRITE_AUX_BUFFER -> output = value;
      default -> {
        // No keyboard and no mouse: the byte is lost, as on an open connector.
      }
    }
    return false;
  }
}
