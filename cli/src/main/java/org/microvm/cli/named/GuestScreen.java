package org.microvm.cli.named;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes a guest's output to a terminal and records the modes that the guest sets, such as a hidden
 * cursor or an editor's alternate screen. {@link #restore} resets these modes. Safe for use by
 * several threads.
 */
public final class GuestScreen extends OutputStream {
  /** No sequence of interest is longer. */
  private static final int LONGEST = 64;

  /** A guest may set any number; no terminal has as many. */
  private static final int MAX_MODES = 256;

  private static final Duration PATIENCE = Duration.ofMillis(500);

  private static final int ESCAPE = 033;
  private static final int SHIFT_OUT = 016;
  private static final int SHIFT_IN = 017;

  /** The private modes that a terminal has set: the cursor is visible, and lines wrap. */
  private static final Map<Integer, Boolean> USUALLY_SET = Map.of(7, true, 25, true);

  private final OutputStream terminal;

  /** The bytes of a sequence that has begun, without ESC; null between sequences. */
  private StringBuilder sequence;

  /** The private modes that differ from the usual; xterm's other screens (47 and more) are last. */
  private final Map<Integer, Boolean> modes = new TreeMap<>();

  private boolean coloured;
  private boolean region;
  private boolean keypad;
  private boolean graphics;
  private boolean cursor;

  /**
   * Creates the output.
   *
   * @param terminal gets all bytes; not closed here
   */
  public GuestScreen(OutputStream terminal) {
    this.terminal = terminal;
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
    for (int i = offset; i < offset + length; i++) {
      note(bytes[i] & 0xff);
    }
    terminal.write(bytes, offset, length);
  }

  @Override
  public void flush() throws IOException {
    terminal.flush();
  }

  /**
   * Undoes what the guest has changed; writes nothing if that is nothing. Waits a moment only for a
   * terminal that takes no more bytes.
   */
  public void restore() {
    try {
      Thread.ofPlatform().daemon().name("screen").start(this::restoreNow).join(PATIENCE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void restoreNow() {
    try {
      terminal.write(undo().getBytes(StandardCharsets.US_ASCII));
      terminal.flush();
    } catch (IOException gone) {
      // There is no terminal to be restored.
    }
    forget();
  }

  private String undo() {
    StringBuilder undo = new StringBuilder();
    undo.append(sequence == null ? "" : "\030"); // CAN ends a sequence that has begun.
    undo.append(graphics ? "\033(B\017" : "");
    undo.append(coloured ? "\033[0m" : "");
    undo.append(region ? "\0337\033[r\0338" : "");
    undo.append(keypad ? "\033>" : "");
    undo.append(cursor ? "\033[0 q" : "");
    modes.forEach((mode, set) -> undo.append("\033[?%d%s".formatted(mode, set ? "l" : "h")));
    return undo.toString();
  }

  private void forget() {
    sequence = null;
    modes.clear();
    coloured = false;
    region = false;
    keypad = false;
    graphics = false;
    cursor = false;
  }

  private void note(int value) {
    if (value == ESCAPE) {
      sequence = new StringBuilder();
    } else if (sequence == null) {
      graphics |= value == SHIFT_OUT;
      graphics &= value != SHIFT_IN;
    } else {
      sequence.append((char) value);
      if (isComplete(value)) {
        String complete = sequence.toString();
        sequence = null;
        interpret(complete);
      }
    }
  }

  private boolean isComplete(int last) {
    if (sequence.length() > LONGEST) {
      return true;
    }
    if (sequence.charAt(0) == '[') {
      return sequence.length() > 1 && last >= 0x40;
    }
    // An intermediate byte has a final one behind it.
    return last >= 0x30 || last < 0x20;
  }

  private void interpret(String text) {
    char last = text.charAt(text.length() - 1);
    if (text.charAt(0) != '[') {
      switch (text) {
        case "c" -> forget();
        case "=" -> keypad = true;
        case ">" -> keypad = false;
        case "(0" -> graphics = true;
        case "(B" -> graphics = false;
        default -> {}
      }
      return;
    }
    String parameters = text.substring(1, text.length() - 1);
    if (parameters.startsWith("?") && (last == 'h' || last == 'l')) {
      setModes(parameters.substring(1), last == 'h');
    } else if (last == 'm' && parameters.matches("[0-9;:]*")) {
      coloured = !parameters.matches("(.*;)?0*");
    } else if (last == 'r' && parameters.matches("[0-9;]*")) {
      region = !parameters.isEmpty();
    } else if (last == 'q' && parameters.endsWith(" ")) {
      cursor = true;
    }
  }

  private void setModes(String numbers, boolean set) {
    for (String number : numbers.split(";")) {
      if (number.matches("[0-9]{1,5}")) {
        int mode = Integer.parseInt(number);
        if (set == USUALLY_SET.getOrDefault(mode, false)) {
          modes.remove(mode);
        } else if (modes.size() < MAX_MODES) {
          modes.put(mode, set);
        }
      }
    }
  }
}
