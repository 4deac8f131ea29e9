package org.microvm.devices.legacy;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * The state of a {@link CmosRtc}.
 *
 * @param memory the registers and the memory that follows them; those of the time only if the clock
 *     is stopped
 * @param index the register that the data port accesses
 * @param offset how far the guest's time is ahead of the host's
 * @param wired whether the clock has its interrupt
 * @param hasTime whether the memory has the time at which the clock is stopped, if it is
 */
record CmosState(byte[] memory, int index, Duration offset, boolean wired, boolean hasTime) {
  /** More than a guest can set, which is about 165 centuries. */
  private static final long MAX_SECONDS = TimeUnit.DAYS.toSeconds(1L << 24);

  private static final int LAST_NANO = 999_999_999;

  CmosState(byte[] memory, int index, Duration offset, boolean wired) {
    this(memory, index, offset, wired, true);
  }

  void write(StateOutput output) {
    output.putBytes(memory).putByte(index);
    output.putLong(offset.getSeconds()).putInt(offset.getNano()).putBoolean(wired);
  }

  /** Reads a state; that of version 1 is of a clock that cannot be set and has no interrupt. */
  static CmosState read(StateInput input) throws StateException {
    byte[] memory = input.getBytes(CmosRtc.MEMORY_BYTES);
    if (memory.length != CmosRtc.MEMORY_BYTES) {
      throw input.damaged("it has %d bytes of memory, not 128".formatted(memory.length));
    }
    int index = input.getByte(CmosRtc.MEMORY_BYTES - 1);
    check(memory, input);
    if (input.version() == 1) {
      input.end();
      return new CmosState(memory, index, Duration.ZERO, false, false);
    }
    long seconds = input.getLong(-MAX_SECONDS, MAX_SECONDS);
    Duration offset = Duration.ofSeconds(seconds, input.getInt(0, LAST_NANO));
    boolean wired = input.getBoolean();
    input.end();
    return new CmosState(memory, index, offset, wired, true);
  }

  /** Checks the registers that a guest cannot write. */
  private static void check(byte[] memory, StateInput input) throws StateException {
    boolean updating = (memory[CmosRtc.REGISTER_A] & CmosRtc.A_UPDATE_IN_PROGRESS) != 0;
    int flags = memory[CmosRtc.REGISTER_C] & 0xff;
    boolean pending = (flags & memory[CmosRtc.REGISTER_B] & CmosRtc.INTERRUPTS) != 0;
    boolean known = (flags & ~(CmosRtc.C_INTERRUPT | CmosRtc.INTERRUPTS)) == 0;
    boolean consistent = pending == ((flags & CmosRtc.C_INTERRUPT) != 0);
    boolean valid = memory[CmosRtc.REGISTER_D] == (byte) CmosRtc.D_TIME_VALID;
    if (updating || !known || !consistent || !valid) {
      throw input.damaged("a read-only register does not have its value");
    }
  }
}
