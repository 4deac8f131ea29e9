package org.microvm.devices.legacy;

import java.util.Objects;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.Stateful;

/**
 * The reset control register of PC chipsets, port 0xcf9, one byte.
 *
 * <p>A write with bit 2 set resets the machine; bits 1 and 3 select kinds of reset, which are all
 * the same here. Linux uses it with {@code reboot=pci} (arch/x86/kernel/reboot.c).
 */
public final class ResetPort implements BusDevice, Stateful {
  /** The port of the register. */
  public static final int PORT = 0xcf9;

  /** The number of ports. */
  public static final int PORT_COUNT = 1;

  private static final int RESET_CPU = 1 << 2;
  private static final int KIND = 1 << 1 | 1 << 3;

  private final MachineEvents events;
  private volatile int kind;

  /**
   * Creates the register.
   *
   * @param events receives the reset request
   */
  public ResetPort(MachineEvents events) {
    this.events = Objects.requireNonNull(events);
  }

  @Override
  public long read(long offset, int size) {
    return kind;
  }

  @Override
  public void write(long offset, int size, long value) {
    kind = (int) value & KIND;
    if ((value & RESET_CPU) != 0) {
      events.resetRequested("port 0xcf9");
    }
  }

  @Override
  public int stateVersion() {
    return 1;
  }

  @Override
  public void save(StateOutput output) {
    output.putByte(kind);
  }

  @Override
  public void restore(StateInput input) throws StateException {
    int saved = input.getByte();
    input.end();
    if ((saved & ~KIND) != 0) {
      throw input.damaged("the register is 0x%x, which has unknown bits".formatted(saved));
    }
    kind = saved;
  }

  @Override
  public void reset() {
    kind = 0;
  }
}
