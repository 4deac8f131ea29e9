package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.microvm.linux.Fd;
import org.microvm.linux.ForegroundTerminal;
import org.microvm.linux.Terminal;
import org.microvm.qmp.QmpClient;

/**
 * {@code microvm top} as a view of the whole screen. Keys as in top: q quits, space updates at
 * once, + and - change the interval, s sorts. The terminal is restored at the end, also by a
 * signal.
 */
final class TopTerminal {
  /** xterm's other screen, without a cursor; the former screen comes back with LEAVE. */
  private static final String ENTER = "\033[?1049h\033[?25l";

  private static final String LEAVE = "\033[?25h\033[?1049l";
  private static final String HOME = "\033[H";
  private static final String END_OF_LINE = "\033[K\r\n";
  private static final String END_OF_SCREEN = "\033[J";
  private static final double FACTOR = 2;
  private static final double SHORTEST = 0.1;
  private static final double LONGEST = 60;

  private final QmpClient client;
  private final Fd output;
  private final PrintStream out;
  private final TopScreen screen;
  private final String machine;
  private final BlockingQueue<Integer> keys = new LinkedBlockingQueue<>();
  private double interval;
  private ForegroundTerminal terminal;
  private volatile boolean quits;

  /** Whether the terminal shows the view's screen. */
  private boolean entered;

  /**
   * @param client of the machine
   * @param output the terminal
   * @param machine how the machine is called
   * @param interval the time between two updates, in seconds
   */
  TopTerminal(QmpClient client, Fd output, String machine, double interval) {
    this.client = client;
    this.output = output;
    this.machine = machine;
    this.interval = interval;
    out = System.out;
    screen = new TopScreen(out.charset().newEncoder().canEncode('\u2588'));
  }

  /**
   * Shows the view until the user quits or the machine ends.
   *
   * @param statistics the command to read the statistics
   */
  void show(String statistics) throws IOException {
    try (Fd input = Fd.standardInput();
        ForegroundTerminal used =
            Terminal.isTerminal(input)
                ? ForegroundTerminal.use(
                    input, ForegroundTerminal.Mode.RAW_WITH_SIGNALS, this::leave)
                : ForegroundTerminal.use(output, ForegroundTerminal.Mode.UNCHANGED, this::leave)) {
      terminal = used;
      Shutdown restore = new Shutdown(this::leave);
      restore.alsoClose(used);
      try {
        if (Terminal.isTerminal(input)) {
          InputStream typed = used.input();
          Thread view = Thread.currentThread();
          Thread.ofPlatform().daemon().name("top-keys").start(() -> readKeys(typed, view));
        }
        update(statistics);
      } catch (InterruptedIOException e) {
        if (!quits) {
          throw e;
        }
      } finally {
        restore.run();
      }
    }
  }

  /** Restores the former screen. */
  private synchronized void leave() {
    if (entered) {
      entered = false;
      out.print(LEAVE);
      out.flush();
    }
  }

  private void update(String statistics) throws IOException {
    JsonNode before = client.execute(statistics);
    while (true) {
      waitForUpdate();
      JsonNode now = client.execute(statistics);
      screen.add(new TopRates(before, now));
      before = now;
      draw();
    }
  }

  /** Waits for the next update and handles keys. */
  private void waitForUpdate() throws IOException {
    long start = System.nanoTime();
    try {
      while (true) {
        long limit = start + (long) (interval * TimeUnit.SECONDS.toNanos(1));
        Integer key = keys.poll(limit - System.nanoTime(), TimeUnit.NANOSECONDS);
        if (key == null) {
          return;
        }
        switch (key.intValue()) {
          case ' ' -> {
            return;
          }
          case '+' -> interval = Math.min(LONGEST, interval * FACTOR);
          case '-' -> interval = Math.max(SHORTEST, interval / FACTOR);
          case 's', 'S' -> screen.toggleSort();
          default -> {}
        }
        draw();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  private synchronized void draw() throws IOException {
    if (terminal.isStopping() || !Terminal.isForeground(output)) {
      // The screen belongs to the shell.
      return;
    }
    if (!entered) {
      entered = true;
      out.print(ENTER);
    }
    String title =
        String.format(
            Locale.ROOT,
            "%s  every %.1f s   q quits  space updates  + - interval  s sorts",
            machine,
            interval);
    StringBuilder text = new StringBuilder(HOME);
    screen
        .draw(Terminal.size(output), title)
        .forEach(line -> text.append(line).append(END_OF_LINE));
    out.print(text.append(END_OF_SCREEN));
    out.flush();
  }

  private void readKeys(InputStream input, Thread view) {
    try {
      for (int key = input.read(); key >= 0; key = input.read()) {
        if (key == 'q' || key == 'Q') {
          break;
        }
        keys.add(key);
      }
    } catch (IOException gone) {
      // The terminal is gone.
    }
    // Also while the view waits for the machine.
    quits = true;
    view.interrupt();
  }
}
