package org.microvm.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.microvm.linux.Fd;
import org.microvm.linux.ForegroundTerminal;
import org.microvm.linux.Terminal;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/**
 * A machine that runs one command ({@code microvm run -- COMMAND}). Standard output has nothing but
 * the command's output; the guest's console is kept, and shown on standard error if the command's
 * status does not arrive.
 */
final class CommandRun {
  /**
   * Time for the guest to power off after its command, which takes seconds where KVM emulates the
   * guest's kernel.
   */
  private static final long POWER_OFF_SECONDS = 30;

  private final GuestCommand command;
  private final ConsoleTail console = new ConsoleTail();

  private CommandRun(GuestCommand command) {
    this.command = command;
  }

  /** Prepares a run, and adds to the machine what it needs. */
  static CommandRun prepare(List<String> words, MachineConfig.Builder builder) throws IOException {
    builder.channel(new ChannelConfig(PortConfig.named(GuestCommand.CHANNEL), ChannelBackend::new));
    return new CommandRun(
        new GuestCommand(
            words, input(), StandardStream.output(), new FileOutputStream(FileDescriptor.err)));
  }

  /** Standard input; from a terminal only while this process is in the foreground. */
  private static InputStream input() throws IOException {
    Fd input = Fd.standardInput();
    return Terminal.isTerminal(input)
        ? ForegroundTerminal.use(input, ForegroundTerminal.Mode.UNCHANGED).input()
        : StandardInput.orNone(new FileInputStream(FileDescriptor.in));
  }

  /** Where the guest's console goes. */
  OutputStream console() {
    return console;
  }

  /**
   * Runs the command, waits for the machine's end and returns the exit status.
   *
   * @param stopped whether this process has stopped the machine, and says why itself
   * @throws IOException if the command's output cannot be written
   */
  int status(Machine machine, BooleanSupplier stopped) throws IOException, InterruptedException {
    OptionalInt status;
    try (Channel channel = machine.channels().openChannel(GuestCommand.CHANNEL);
        WaitingLine boot = new WaitingLine("the guest to boot")) {
      channel.guestOpened().thenRunAsync(boot::close);
      machine.end().thenRun(channel::close);
      status = command.run(channel);
      MachineEnd end = machine.end().get(POWER_OFF_SECONDS, TimeUnit.SECONDS);
      if (status.isPresent() && end instanceof MachineEnd.PowerOff) {
        return statusAfterInput(status.getAsInt());
      }
      return failure(end, stopped);
    } catch (TimeoutException e) {
      System.err.println("microvm: the guest did not power off after its command");
      return ExitStatus.COMMAND_LOST;
    } catch (ExecutionException | PortException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A command that did not get all of its input has not succeeded. */
  private int statusAfterInput(int status) {
    Optional<IOException> lost = command.inputFailure();
    lost.ifPresent(e -> System.err.println("microvm: " + e.getMessage()));
    return status == 0 && lost.isPresent() ? Main.FAILED : status;
  }

  private int failure(MachineEnd end, BooleanSupplier stopped) throws IOException {
    console.copyTo(System.err);
    int status = ExitStatus.of(end, System.err);
    if (status != 0) {
      return status;
    }
    if (!stopped.getAsBoolean()) {
      System.err.println("microvm: the guest ended before its command did");
    }
    return ExitStatus.COMMAND_LOST;
  }
}
