package org.microvm.devices.legacy;

/**
 * The receiving half of a {@link Uart16550}: its FIFO, and the bytes that are still on the line.
 *
 * <p>A byte arrives only while the guest listens: it has the receive interrupt enabled, or it polls
 * the line status register. Until then a driver empties the FIFO and reads the data register to
 * discard noise, and would discard the user's first bytes too. For the same reason a FIFO reset
 * puts bytes of which the guest was not notified back on the line, as if they had been sent a
 * moment later; Linux resets the FIFO after it has enabled the interrupt ({@code
 * serial8250_do_set_termios} in drivers/tty/serial/8250/8250_port.c), and enables the interrupt for
 * a moment to test the register.
 *
 * <p>Guarded by the lock of the port.
 */
final class UartReceiver {
  /**
   * The number of reads of the line status, with no other access in between, after which the guest
   * counts as waiting for input. A guest that waits for the transmitter sends a byte after each.
   */
  private static final int POLLS = 3;

  /**
   * The number of reads of the line status that mean the same if the guest has raised DTR and OUT2,
   * even with other accesses in between: it is ready for input, and polls for it from time to time.
   * Linux raises OUT2 a few accesses before it enables the interrupt.
   */
  private static final int READY_POLLS = 16;

  private final byte[] received = new byte[Uart16550.FIFO_SIZE];
  private final byte[] line = new byte[Uart16550.FIFO_SIZE];
  private int head;
  private int count;
  private int lineCount;
  private int capacity = 1;
  private int statusReads;
  private int readyReads;
  private boolean polled;

  /** Whether the guest has been notified of bytes. */
  private boolean noticed;

  /** Whether the guest has sent some of the bytes itself, in loopback mode. */
  private boolean looped;

  /** The number of bytes that the guest can read. */
  int count() {
    return count;
  }

  /** The most bytes that the guest can read. */
  int capacity() {
    return capacity;
  }

  /**
   * Records an access to a register.
   *
   * @param status whether the line status was read
   * @param ready whether the guest has signalled with DTR and OUT2 that it is ready
   */
  void accessed(boolean status, boolean ready) {
    statusReads = status ? Math.min(statusReads + 1, POLLS) : 0;
    if (!ready) {
      readyReads = 0;
    } else if (status) {
      readyReads = Math.min(readyReads + 1, READY_POLLS);
    }
    polled |= statusReads == POLLS || readyReads == READY_POLLS;
  }

  /** Whether the guest polls for input. */
  boolean isPolled() {
    return polled;
  }

  /** Records that the guest was notified of the bytes that it can read. */
  void noticed() {
    noticed |= count > 0;
  }

  /** Lets bytes on the line arrive as far as there is room; the guest listens. */
  void arrive() {
    int taken = Math.min(lineCount, capacity - count);
    if (taken > 0) {
      for (int i = 0; i < taken; i++) {
        append(line[i]);
      }
      lineCount -= taken;
      System.arraycopy(line, taken, line, 0, lineCount);
    }
  }

  /** How many more bytes the host may send to a guest that listens. */
  int room() {
    return lineCount > 0 ? 0 : Math.max(0, capacity - count);
  }

  /** Whether nothing that was sent is left. */
  boolean isEmpty() {
    return count + lineCount == 0;
  }

  /** Adds a byte from the host; there is room. */
  void receive(byte value) {
    append(value);
  }

  /**
   * Adds a byte that the guest has sent in loopback mode. With the FIFO on, a byte for which there
   * is no room is lost; otherwise it replaces the waiting byte.
   *
   * @return false if a byte was lost
   */
  boolean loop(byte value) {
    looped = true;
    if (count < capacity) {
      append(value);
      return true;
    }
    if (capacity == 1) {
      received[head] = value;
    }
    return false;
  }

  /** Takes the oldest byte; 0 if there is none. */
  int take() {
    if (count == 0) {
      return 0;
    }
    int value = received[head] & 0xff;
    head = (head + 1) % received.length;
    count--;
    noticed &= count > 0;
    looped &= count > 0;
    return value;
  }

  /** Switches the FIFO on or off, which empties it, or empties it. */
  void reset(boolean fifo) {
    capacity = capacity(fifo);
    putBackUnnoticed();
    count = 0;
    noticed = false;
    looped = false;
    polled = false;
    readyReads = 0;
  }

  /** Puts bytes of the host that the guest was not notified of back on the line. */
  void putBackUnnoticed() {
    if (!noticed) {
      putBack();
    }
  }

  /** Puts bytes of the host that the guest has not read back on the line. */
  void putBack() {
    if (!looped && count > 0) {
      System.arraycopy(line, 0, line, count, lineCount);
      for (int i = 0; i < count; i++) {
        line[i] = received[(head + i) % received.length];
      }
      lineCount += count;
      count = 0;
      noticed = false;
    }
  }

  /** The bytes that the guest has not read, oldest first. */
  byte[] waiting() {
    byte[] waiting = new byte[count + lineCount];
    for (int i = 0; i < count; i++) {
      waiting[i] = received[(head + i) % received.length];
    }
    System.arraycopy(line, 0, waiting, count, lineCount);
    return waiting;
  }

  /**
   * The most bytes that {@link #waiting} returns: besides the bytes on the line, the guest may have
   * sent itself as many as there is room for.
   */
  static int mostWaiting(boolean fifo) {
    return capacity(fifo) + Uart16550.FIFO_SIZE;
  }

  /** Restores {@link #waiting} of another port, up to {@link #mostWaiting} bytes. */
  void restore(byte[] waiting, boolean fifo) {
    capacity = capacity(fifo);
    count = 0;
    head = 0;
    int arrived = Math.min(waiting.length, capacity);
    for (int i = 0; i < arrived; i++) {
      append(waiting[i]);
    }
    lineCount = waiting.length - arrived;
    System.arraycopy(waiting, arrived, line, 0, lineCount);
    statusReads = 0;
    readyReads = 0;
    polled = false;
    noticed = false;
    // Bytes of the host alone are never more than the line holds, so that they can be put back on
    // it.
    looped = waiting.length > line.length;
  }

  private static int capacity(boolean fifo) {
    return fifo ? Uart16550.FIFO_SIZE : 1;
  }

  private void append(byte value) {
    received[(head + count) % received.length] = value;
    count++;
  }
}
