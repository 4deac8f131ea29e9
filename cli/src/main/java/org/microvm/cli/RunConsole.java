package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Optional;
import org.microvm.cli.named.GuestScreen;
import org.microvm.linux.Fd;
import org.microvm.linux.ForegroundTerminal;
import org.microvm.linux.Terminal;
import org.microvm.machine.Machine;

/**
 * Where the guest's UART goes in {@code microvm run}: the standard streams, which may be a
 * terminal, a chardev, or another stream.
 */
final class RunConsole implements AutoCloseable {
  private final OutputStream output;
  private final boolean shown;

  /** Resets the terminal modes that the guest has set, if standard output is a terminal. */
  private final Optional<GuestScreen> screen;

  private final Optional<UartChannel> chardev;

  /** The terminal on standard input; null before it is taken, and if there is none. */
  private ForegroundTerminal terminal;

  private RunConsole(
      OutputStream output,
      boolean shown,
      Optional<GuestScreen> screen,
      Optional<UartChannel> chardev) {
    this.output = output;
    this.shown = shown;
    this.screen = screen;
    this.chardev = chardev;
  }

  /** The console on the standard streams. */
  static RunConsole onStandardStreams() {
    OutputStream output = new StandardOutput(Fd.standardOutput());
    Optional<GuestScreen> screen =
        Terminal.isTerminal(Fd.standardOutput())
            ? Optional.of(new GuestScreen(output))
            : Optional.empty();
    return new RunConsole(
        screen.<OutputStream>map(on -> on).orElse(output), true, screen, Optional.empty());
  }

  /**
   * The console on a chardev.
   *
   * @throws IOException if what the chardev names cannot be opened
   */
  static RunConsole onChardev(RunExtras.Serial serial) throws IOException {
    UartChannel channel = UartChannel.open(serial);
    return new RunConsole(channel.output(), false, Optional.empty(), Optional.of(channel));
  }

  /** A console whose output goes to a stream, without input. */
  static RunConsole to(OutputStream stream) {
    return new RunConsole(stream, false, Optional.empty(), Optional.empty());
  }

  /** Where the guest's output goes. */
  OutputStream output() {
    return output;
  }

  /** The chardev, if the console is on one. */
  Optional<UartChannel> chardev() {
    return chardev;
  }

  /**
   * Makes the terminal raw whenever this process is in the foreground, if the console is on one.
   *
   * @throws IOException if the terminal's mode cannot be changed
   */
  synchronized void takeTerminal() throws IOException {
    Fd input = Fd.standardInput();
    if (shown && Terminal.isTerminal(input)) {
      terminal = ForegroundTerminal.use(input, ForegroundTerminal.Mode.RAW);
    }
  }

  /** Starts to send standard input to the guest, if the console is on the standard streams. */
  synchronized void startInput(Machine machine, NamedRun named) {
    if (shown) {
      boolean keyboard = terminal != null;
      InputStream keys = keyboard ? terminal.input() : System.in;
      new ConsoleInput(machine, keys, output, keyboard, named.typing(keyboard)).start();
    }
  }

  /** Gives the terminal its former mode back; a second call does nothing. */
  synchronized void releaseTerminal() {
    if (terminal != null) {
      terminal.close();
    }
  }

  /** Undoes what the guest has set in the terminal, and closes the chardev. */
  @Override
  public void close() {
    releaseTerminal();
    screen.ifPresent(GuestScreen::restore);
    chardev.ifPresent(UartChannel::close);
  }
}
