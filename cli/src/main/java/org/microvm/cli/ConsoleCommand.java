package org.microvm.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.microvm.cli.named.ConsoleViewer;
import org.microvm.cli.named.GuestScreen;
import org.microvm.cli.named.MachineFiles;
import org.microvm.linux.Fd;
import org.microvm.linux.ForegroundTerminal;
import org.microvm.linux.Terminal;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code microvm console}: attaches to the console of a machine with a name. */
@Command(
    name = "console",
    description =
        "Attaches to the console of a machine: shows the last 64 KiB of output and"
            + " all new output, and sends your input. On a terminal, Ctrl-A d detaches and"
            + " Ctrl-A h shows help. If standard input is not a terminal, it is sent until"
            + " it ends. The exit status is 1 if the guest panicked or the machine's process"
            + " was killed.",
    mixinStandardHelpOptions = true)
final class ConsoleCommand implements Callable<Integer> {
  @Parameters(paramLabel = "NAME", description = "the machine's name")
  private String name;

  @Override
  public Integer call() throws IOException {
    FoundMachine machine = FoundMachine.find("console", name);
    Path socket = machine.socket(MachineFiles::console);
    try (MachineEndWatch watch = MachineEndWatch.start(machine.files().control());
        ConsoleViewer viewer = ConsoleViewer.attach(socket);
        Fd input = Fd.standardInput();
        ForegroundTerminal terminal =
            Terminal.isTerminal(input)
                ? ForegroundTerminal.use(input, ForegroundTerminal.Mode.RAW)
                : null) {
      OutputStream output = StandardStream.output();
      Shutdown restore = new Shutdown(() -> {});
      if (Terminal.isTerminal(Fd.standardOutput())) {
        GuestScreen screen = new GuestScreen(output);
        output = screen;
        restore = new Shutdown(screen::restore);
      }
      if (terminal != null) {
        restore.alsoClose(terminal);
        System.err.println("attached to " + name + "; Ctrl-A d detaches, Ctrl-A h shows help");
      }
      ConsoleViewer.End end =
          viewer.show(
              terminal == null
                  ? StandardInput.orNone(new FileInputStream(FileDescriptor.in))
                  : terminal.input(),
              output,
              terminal != null);
      restore.run();
      if (terminal != null) {
        System.err.println();
      }
      if (end == ConsoleViewer.End.MACHINE_ENDED) {
        watch.check(name, "console");
      }
      if (terminal != null) {
        System.err.println(
            end == ConsoleViewer.End.DETACHED
                ? "detached from " + name + ", which continues"
                : "the machine " + name + " has ended");
      }
    }
    return 0;
  }
}
