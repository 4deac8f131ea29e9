package org.microvm.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Where the process starts: {@code microvm COMMAND WORDS}. */
@Command(
    name = "microvm",
    description = "A KVM micro-VMM with virtio-serial channels.",
    versionProvider = Version.class,
    mixinStandardHelpOptions = true,
    subcommands = {
      RunCommand.class,
      SnapshotCommand.class,
      MigrateCommand.class,
      RestoreCommand.class,
      AgentCommand.class,
      CtlCommand.class,
      PortCommand.class,
      DemoCommand.class,
      DoctorCommand.class,
      ProfileCommand.class,
      TopCommand.class,
      BenchCommand.class
    })
public final class Main {
  /** Status for a machine that could not be made or failed. */
  static final int FAILED = 1;

  /** Status for words that cannot be meant. */
  static final int USAGE = 2;

  private Main() {}

  /** Runs the command and ends the process with its status. */
  public static void main(String[] words) {
    System.exit(execute(new PrintWriter(System.err, true), words));
  }

  /** Runs the command in this process and returns its exit status; messages go to {@code err}. */
  static int execute(PrintWriter err, String... words) {
    CommandLine command = new CommandLine(new Main());
    command.setErr(err);
    command.setParameterExceptionHandler(
        (e, given) -> fail(e.getCommandLine(), e.getMessage(), USAGE));
    command.setExecutionExceptionHandler(
        (e, failed, given) ->
            fail(failed, message(e), e instanceof UsageException ? USAGE : FAILED));
    if (words.length == 0) {
      command.usage(command.getErr());
      return USAGE;
    }
    return command.execute(words);
  }

  private static String message(Exception e) {
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  /** One line, whatever the message was: scripts read it. */
  private static int fail(CommandLine command, String message, int status) {
    PrintWriter err = command.getErr();
    err.println("microvm: " + message.lines().findFirst().orElse("failed"));
    err.flush();
    return status;
  }
}
