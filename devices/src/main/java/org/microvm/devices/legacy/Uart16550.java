package org.microvm.devices.legacy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.devices.IrqLine;
import org.microvm.devices.bus.BusDevice;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.Stateful;

/**
 * A 16550A serial port, eight ports wide (COM1 is at 0x3f8 with interrupt 4). Linux names its
 * registers in include/uapi/linux/serial_reg.h.
 *
 * <p>The line is infinitely fast: a byte written is sent at once, so the transmitter is always
 * empty, and the character time-out of the receive FIFO expires as soon as the FIFO holds a byte.
 * Bytes for the guest stay on the line until the guest listens; see {@link UartReceiver}. The modem
 * at the other end is always on; see {@link UartModem}. Unlike on a PC, the OUT2 bit does not gate
 * the interrupt.
 *
 * <p>vCPU threads call the methods of {@link BusDevice}, one host thread calls {@link #receive}.
 * One lock guards all registers and orders changes of the interrupt line; it is never held while
 * anything blocks.
 */
public final class Uart16550 implements BusDevice, Stateful {
  /** The number of ports. */
  public static final int PORT_COUNT = 8;

  /** The number of received bytes that it holds with its FIFO enabled. */
  public static final int FIFO_SIZE = 16;

  private static final int DATA = 0; // divisor, low byte, with DLAB
  private static final int IER = 1; // divisor, high byte, with DLAB
  private static final int IIR_FCR = 2;
  private static final int LCR = 3;
  private static final int MCR = 4;
  private static final int LSR = 5;
  private static final int MSR = 6;
  private static final int SCRATCH = 7;

  private static final int IER_RECEIVED = 1;
  private static final int IER_TRANSMITTER_EMPTY = 1 << 1;
  private static final int IER_LINE_STATUS = 1 << 2;
  private static final int IER_MODEM_STATUS = 1 << 3;
  static final int IER_ALL = 0x0f;

  private static final int IIR_MODEM_STATUS = 0x00;
  private static final int IIR_NONE = 0x01;
  private static final int IIR_TRANSMITTER_EMPTY = 0x02;
  private static final int IIR_RECEIVED = 0x04;
  private static final int IIR_LINE_STATUS = 0x06;
  private static final int IIR_CHARACTER_TIMEOUT = 0x0c;
  private static final int IIR_FIFO_ENABLED = 0xc0;

  private static final int FCR_ENABLE = 1;
  private static final int FCR_RESET_RECEIVER = 1 << 1;
  private static final int FCR_TRIGGER_SHIFT = 6;

  private static final int LCR_DLAB = 1 << 7;

  private static final int LSR_DATA_READY = 1;
  private static final int LSR_OVERRUN = 1 << 1;
  private static final int LSR_HOLDING_REGISTER_EMPTY = 1 << 5;
  private static final int LSR_TRANSMITTER_EMPTY = 1 << 6;

  /** 9600 baud, the setting that firmware leaves. */
  private static final int DEFAULT_DIVISOR = 12;

  private final ReentrantLock lock = new ReentrantLock();
  private final IrqLine line;
  private final SerialOutput output;
  private final UartReceiver receiver = new UartReceiver();
  private final UartModem modem = new UartModem();
  private volatile Runnable roomListener = () -> {};

  private int ier;
  private int lcr;
  private int scratch;
  private int divisor = DEFAULT_DIVISOR;
  private int trigger = 1;
  private boolean fifo;
  private boolean overrun;
  private boolean transmitterEmptied;
  private boolean lineLevel;

  /** Whether the listener is due when there is room for a byte again. */
  private boolean refused;

  /** Whether bytes are refused because the guest's state is being saved. */
  private boolean held;

  /**
   * Creates a port as after a reset.
   *
   * @param line the interrupt line, low at first
   * @param output receives the bytes that the guest sends
   */
  public Uart16550(IrqLine line, SerialOutput output) {
    this.line = Objects.requireNonNull(line);
    this.output = Objects.requireNonNull(output);
  }

  /**
   * Sets the listener that is called when bytes refused by {@link #receive} may be offered again,
   * because the guest listens and has read all received bytes. It is called on a vCPU thread
   * without the lock and must not block.
   *
   * @param listener replaces the one before
   */
  public void onRoom(Runnable listener) {
    roomListener = Objects.requireNonNull(listener);
  }

  /**
   * Refuses all bytes from the other end of the line from now on: the guest's state is being saved,
   * and a later byte would not be part of it.
   */
  public void holdInput() {
    lock.lock();
    try {
      held = true;
    } finally {
      lock.unlock();
    }
  }

  /** Ends {@link #holdInput}. */
  public void releaseInput() {
    lock.lock();
    try {
      held = false;
    } finally {
      unlockAndNotify();
    }
  }

  /**
   * Offers one byte from the other end of the line.
   *
   * @param value the byte for the guest
   * @return whether it was accepted; if not, the room listener is called when it is worth trying
   *     again
   */
  public boolean receive(byte value) {
    lock.lock();
    try {
      if (room() == 0) {
        refused = true;
        return false;
      }
      receiver.receive(value);
      updateLine();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Offers bytes from the other end of the line. Nothing is ever dropped: while the FIFO is full,
   * the guest does not listen, or has the port in loopback mode, the caller keeps the bytes.
   *
   * @param data holds the bytes for the guest
   * @param position of the first byte in {@code data}
   * @param length the number of bytes
   * @return the number of bytes accepted; if not all, the room listener is called when it is worth
   *     trying again
   */
  public int receive(MemorySegment data, long position, int length) {
    lock.lock();
    try {
      int taken = Math.min(length, room());
      for (int i = 0; i < taken; i++) {
        receiver.receive(data.get(ValueLayout.JAVA_BYTE, position + i));
      }
      refused |= taken < length;
      updateLine();
      return taken;
    } finally {
      lock.unlock();
    }
  }

  /** Reads registers; a wider access is split into bytes, as the ISA bus does. */
  @Override
  public long read(long offset, int size) {
    long value = 0;
    lock.lock();
    try {
      for (int i = 0; i < size; i++) {
        receiver.accessed(offset + i == LSR, modem.isReady());
        value |= (long) readRegister((int) offset + i) << (i * Byte.SIZE);
      }
      arrive();
      updateLine();
    } finally {
      unlockAndNotify();
    }
    return value;
  }

  /** Writes registers; a wider access is split into bytes, as the ISA bus does. */
  @Override
  public void write(long offset, int size, long value) {
    lock.lock();
    try {
      for (int i = 0; i < size; i++) {
        receiver.accessed(false, modem.isReady());
        writeRegister((int) offset + i, (int) (value >>> (i * Byte.SIZE)) & 0xff);
      }
      arrive();
      updateLine();
    } finally {
      unlockAndNotify();
    }
  }

  /** Sends a whole {@code rep outsb} under one lock, with one interrupt. */
  @Override
  public void writeRepeated(long offset, int size, MemorySegment data, long position, int count) {
    lock.lock();
    try {
      if (offset == DATA && size == 1 && !divisorShown() && !modem.looped()) {
        receiver.accessed(false, modem.isReady());
        output.write(data, position, count);
        transmitterEmptiesAgain();
        return;
      }
    } finally {
      lock.unlock();
    }
    BusDevice.super.writeRepeated(offset, size, data, position, count);
  }

  @Override
  public int stateVersion() {
    return 1;
  }

  @Override
  public void save(StateOutput output) {
    lock.lock();
    try {
      new UartState(
              receiver.waiting(),
              ier,
              lcr,
              modem.control(),
              scratch,
              divisor,
              trigger,
              modem.changes(),
              fifo,
              overrun,
              transmitterEmptied)
          .write(output);
    } finally {
      lock.unlock();
    }
  }

  /** Raises the interrupt line again if an interrupt is due. */
  @Override
  public void restore(StateInput input) throws StateException {
    UartState state = UartState.read(input);
    lock.lock();
    try {
      receiver.restore(state.received(), state.fifo());
      ier = state.ier();
      lcr = state.lcr();
      scratch = state.scratch();
      divisor = state.divisor();
      trigger = Math.max(state.trigger(), 1);
      modem.restore(state.mcr(), state.modemChanges());
      fifo = state.fifo();
      overrun = state.overrun();
      transmitterEmptied = state.transmitterEmptied();
      updateLine();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Resets the registers and discards received bytes. A byte that was refused before may be offered
   * again.
   */
  @Override
  public void reset() {
    lock.lock();
    try {
      receiver.restore(new byte[0], false);
      ier = 0;
      lcr = 0;
      scratch = 0;
      divisor = DEFAULT_DIVISOR;
      trigger = 1;
      modem.restore(0, 0);
      fifo = false;
      overrun = false;
      transmitterEmptied = false;
      updateLine();
    } finally {
      unlockAndNotify();
    }
  }

  private int readRegister(int register) {
    return switch (register) {
      case DATA -> divisorShown() ? divisor & 0xff : receiver.take();
      case IER -> divisorShown() ? divisor >> Byte.SIZE : ier;
      case IIR_FCR -> readInterruptId();
      case LCR -> lcr;
      case MCR -> modem.control();
      case LSR -> readLineStatus();
      case MSR -> modem.status();
      case SCRATCH -> scratch;
      default -> 0xff;
    };
  }

  private void writeRegister(int register, int value) {
    switch (register) {
      case DATA -> {
        if (divisorShown()) {
          divisor = divisor & 0xff00 | value;
        } else {
          transmit((byte) value);
        }
      }
      case IER -> {
        if (divisorShown()) {
          divisor = divisor & 0x00ff | value << Byte.SIZE;
        } else {
          enableInterrupts(value & IER_ALL);
        }
      }
      case IIR_FCR -> controlFifo(value);
      case LCR -> lcr = value;
      case MCR -> {
        if (modem.beginsLoop(value)) {
          receiver.putBack();
        }
        modem.control(value);
      }
      case SCRATCH -> scratch = value;
      default -> {
        // LSR and MSR are read-only; writing them is reserved for factory tests.
      }
    }
  }

  private void transmit(byte value) {
    if (modem.looped()) {
      overrun |= !receiver.loop(value);
    } else {
      output.write(value);
    }
    transmitterEmptiesAgain();
  }

  /**
   * The byte just written cleared the "empty" interrupt and, since it is sent at once, raises it
   * again. The line must fall in between, since only its rise causes an interrupt.
   */
  private void transmitterEmptiesAgain() {
    transmitterEmptied = false;
    updateLine();
    transmitterEmptied = true;
    updateLine();
  }

  /** Enabling the "empty" interrupt raises it if the transmitter is empty, which it always is. */
  private void enableInterrupts(int value) {
    if ((value & ~ier & IER_TRANSMITTER_EMPTY) != 0) {
      transmitterEmptied = true;
    }
    ier = value;
    if (!listens()) {
      receiver.putBackUnnoticed();
    }
  }

  private void controlFifo(int value) {
    boolean enable = (value & FCR_ENABLE) != 0;
    if (enable != fifo || (value & FCR_RESET_RECEIVER) != 0) {
      receiver.reset(enable);
    }
    fifo = enable;
    trigger =
        switch (value >> FCR_TRIGGER_SHIFT) {
          case 0 -> 1;
          case 1 -> 4;
          case 2 -> 8;
          default -> 14;
        };
  }

  private int readInterruptId() {
    int id = interruptId();
    if (id == IIR_TRANSMITTER_EMPTY) {
      transmitterEmptied = false;
    } else if (id == IIR_RECEIVED || id == IIR_CHARACTER_TIMEOUT) {
      receiver.noticed();
    }
    return fifo ? id | IIR_FIFO_ENABLED : id;
  }

  private int readLineStatus() {
    int status = LSR_HOLDING_REGISTER_EMPTY | LSR_TRANSMITTER_EMPTY;
    if (receiver.count() > 0) {
      status |= LSR_DATA_READY;
      receiver.noticed();
    }
    if (overrun) {
      status |= LSR_OVERRUN;
      overrun = false;
    }
    return status;
  }

  /** The pending interrupt of the highest priority. */
  private int interruptId() {
    if (overrun && (ier & IER_LINE_STATUS) != 0) {
      return IIR_LINE_STATUS;
    }
    if (receiver.count() > 0 && (ier & IER_RECEIVED) != 0) {
      return fifo && receiver.count() < trigger ? IIR_CHARACTER_TIMEOUT : IIR_RECEIVED;
    }
    if (transmitterEmptied && (ier & IER_TRANSMITTER_EMPTY) != 0) {
      return IIR_TRANSMITTER_EMPTY;
    }
    if (modem.changes() != 0 && (ier & IER_MODEM_STATUS) != 0) {
      return IIR_MODEM_STATUS;
    }
    return IIR_NONE;
  }

  private void updateLine() {
    boolean level = interruptId() != IIR_NONE;
    if (level != lineLevel) {
      lineLevel = level;
      line.set(level);
    }
  }

  private boolean divisorShown() {
    return (lcr & LCR_DLAB) != 0;
  }

  /** Whether the guest waits for input, so that bytes on the line may arrive. */
  private boolean listens() {
    return !modem.looped() && ((ier & IER_RECEIVED) != 0 || receiver.isPolled());
  }

  private void arrive() {
    if (listens()) {
      receiver.arrive();
    }
  }

  private int room() {
    return listens() && !held ? receiver.room() : 0;
  }

  /**
   * Releases the lock, and then calls the listener if bytes that were refused may be offered again:
   * the listener offers them on this or another thread, which needs the lock.
   */
  private void unlockAndNotify() {
    boolean offerAgain = refused && receiver.isEmpty() && listens() && !held;
    refused &= !offerAgain;
    lock.unlock();
    if (offerAgain) {
      roomListener.run();
    }
  }
}
