package org.microvm.machine.board;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.microvm.devices.legacy.SerialOutput;

/**
 * Looks for the message of a kernel panic in what the guest writes to its serial port, and passes
 * everything on.
 *
 * <p>Linux prints {@code Kernel panic - not syncing: REASON} (kernel/panic.c). An orderly reboot,
 * power-off or halt prints a line as well (kernel/reboot.c), which a panic never does; so such a
 * line afterwards shows that the message was only quoted, such as by {@code cat} of a log. Any
 * program in the guest can write such lines: they may explain an end of the guest, but cause none.
 *
 * <p>Bytes come from vCPU threads, one at a time, because the port holds its lock. Any thread may
 * query.
 */
public final class KernelMessages implements SerialOutput {
  private static final String PANIC = "Kernel panic - not syncing";

  /** The last line of a panic repeats the message, which is known by then. */
  private static final String PANIC_END = "---[ end " + PANIC;

  /** The shortest line of interest. */
  private static final int MIN_LINE = 18;

  private static final String HALTED = "reboot: System halted";

  private static final String[] ORDERLY = {
    "reboot: Restarting system", "reboot: Power down", HALTED
  };

  /** The number of bytes of a line that are inspected; Linux prints at most 1024. */
  private static final int MAX_LINE = 512;

  private final SerialOutput next;
  private final byte[] line = new byte[MAX_LINE];
  private int length;
  private volatile String panic;
  private volatile boolean halts;

  /**
   * Creates a filter for messages.
   *
   * @param next receives everything
   */
  public KernelMessages(SerialOutput next) {
    this.next = next;
  }

  /** Returns the reason of the last panic since power-on, without control characters. */
  public Optional<String> panic() {
    return Optional.ofNullable(panic);
  }

  /** Whether the kernel has printed that it halts, in an orderly way or after a panic. */
  public boolean announcesHalt() {
    return halts;
  }

  /** Discards what the guest has written, because another boot begins. */
  public void clear() {
    panic = null;
    halts = false;
    length = 0;
  }

  @Override
  public void write(byte value) {
    look(value);
    next.write(value);
  }

  @Override
  public void write(MemorySegment data, long position, int count) {
    for (int i = 0; i < count; i++) {
      look(data.get(ValueLayout.JAVA_BYTE, position + i));
    }
    next.write(data, position, count);
  }

  private void look(byte value) {
    if (value == '\n') {
      if (length >= MIN_LINE) {
        inspect(new String(line, 0, length, ISO_8859_1));
      }
      length = 0;
    } else if (length < MAX_LINE) {
      line[length++] = value;
    }
  }

  private void inspect(String text) {
    if (text.contains(HALTED) || text.contains(PANIC_END)) {
      halts = true;
    }
    int at = text.indexOf(PANIC);
    if (at >= 0 && !text.contains(PANIC_END)) {
      panic = printable(text.substring(at));
    } else if (panic != null && isOrderly(text)) {
      panic = null;
    }
  }

  private static boolean isOrderly(String text) {
    for (String message : ORDERLY) {
      if (text.contains(message)) {
        return true;
      }
    }
    return false;
  }

  /** The text is shown on a terminal, and the guest chose it. */
  private static String printable(String text) {
    return text.replaceAll("[^ -~]", "").strip();
  }
}
