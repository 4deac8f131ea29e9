package org.microvm.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.microvm.cli.named.Background;
import org.microvm.linux.FailureText;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;

/** The entry point of the program: {@code microvm COMMAND OPTIONS}. */
public final class Main {
  /** Exit status if a machine could not be created or failed. */
  static final int FAILED = 1;

  /** Exit status for a usage error. */
  static final int USAGE = 2;

  /** A command and its name. */
  private record Named(String name, Supplier<CommandLine> command) {}

  /** All commands, in the order of the help. */
  private static final List<Named> COMMANDS =
      List.of(
          new Named("run", RunCommand::commandLine),
          new Named("list", () -> new CommandLine(new ListCommand())),
          new Named("console", () -> new CommandLine(new ConsoleCommand())),
          new Named("stop", () -> new CommandLine(new StopCommand())),
          new Named("snapshot", () -> new CommandLine(new SnapshotCommand())),
          new Named("migrate", () -> new CommandLine(new MigrateCommand())),
          new Named("restore", RestoreCommand::commandLine),
          new Named("serve", () -> new CommandLine(new ServeCommand())),
          new Named("agent", () -> new CommandLine(new AgentCommand())),
          new Named("clipboard", () -> new CommandLine(new ClipboardCommand())),
          new Named("ctl", () -> new CommandLine(new CtlCommand())),
          new Named("port", () -> new CommandLine(new PortCommand())),
          new Named("fence", () -> new CommandLine(new FenceCommand())),
          new Named("demo", DemoCommand::commandLine),
          new Named("doctor", () -> new CommandLine(new DoctorCommand())),
          new Named("profile", ProfileCommand::commandLine),
          new Named("top", () -> new CommandLine(new TopCommand())));

  /** The command lines that only print the version, for which no command is needed. */
  private static final List<String> VERSION = List.of("-V", "--version");

  private Main() {}

  /**
   * Runs the command and ends the process with its status.
   *
   * @param arguments the command and its options; without any, the usage is printed as an error
   */
  public static void main(String[] arguments) {
    OpenFileLimit.prepare();
    try {
      CommandLogging.begin();
      CheckedOutput.install();
      runAndExit(arguments);
    } catch (LinkageError e) {
      // Even the classes of this program cannot be loaded.
      System.exit(fail(new PrintWriter(System.err, true), "microvm", e));
    }
  }

  private static void runAndExit(String... arguments) {
    String[] args = CommandLineBytes.exact(arguments);
    if (makesMachines(args)) {
      LinkerWarmup.begin();
    }
    if (args.length > 0 && args[0].equals(AotTraining.COMMAND)) {
      System.exit(AotTraining.run(args));
    }
    SandboxOptions.ownProcess();
    int status = execute(new PrintWriter(System.err, true), args);
    try {
      CommandExit.exit(CheckedOutput.statusAfter(status));
    } catch (LinkageError e) {
      // That class cannot be loaded, as others that the command has failed without.
      System.exit(status);
    }
  }

  /** Whether this process creates machines itself, and not one in the background. */
  private static boolean makesMachines(String... args) {
    return args.length > 0
        && List.of("run", "restore", "serve", AotTraining.COMMAND).contains(args[0])
        && (Background.isThisProcess() || !List.of(args).contains("--detach"));
  }

  /** Runs the command in this process and returns its exit status; messages go to {@code err}. */
  static int execute(PrintWriter err, String... args) {
    return execute(withCommands(args), err, args);
  }

  /**
   * Runs another program's command as this program runs its own: with the same logging, error
   * messages and exit status. Ends the process.
   *
   * @param command the program's picocli command
   * @param args the command line, without the name of the program
   */
  public static void run(CommandLine command, String... args) {
    CommandLogging.begin();
    CheckedOutput.install();
    PrintWriter err = new PrintWriter(System.err, true);
    CommandExit.exit(
        CheckedOutput.statusAfter(execute(command, err, CommandLineBytes.exact(args))));
  }

  /** {@return the version, such as 0.1.0; empty if the program does not run from its jar} */
  public static String version() {
    return Version.number();
  }

  /**
   * Returns the arguments of this process with all their bytes, which the JVM may have lost.
   *
   * @param decoded the arguments that the JVM has passed
   * @return as many arguments
   */
  public static String[] exact(String... decoded) {
    return CommandLineBytes.exact(decoded);
  }

  /**
   * Runs a machine for a program with another command line. Ends the process: with status 1 after
   * an error, and otherwise as {@code microvm run} does.
   *
   * @param program its name, which begins its messages
   * @param extras what the options cannot say
   * @param message changes a message, for example the names of options in it
   * @param options of {@code microvm run}
   */
  public static void run(
      String program, RunExtras extras, UnaryOperator<String> message, List<String> options) {
    CommandLogging.begin();
    LinkerWarmup.begin();
    CommandLine command = configured(RunCommand.commandLine(extras));
    command.setParameterExceptionHandler(
        (e, given) -> fail(command, program, message.apply(UsageMessage.message(e)), FAILED));
    command.setExecutionStrategy(Main::checkAndRun);
    command.setExecutionExceptionHandler(
        (e, failed, given) -> fail(command, program, message.apply(FailureText.of(e)), FAILED));
    CommandExit.exit(executeToTheEnd(command, program, options.toArray(String[]::new)));
  }

  /**
   * Serves the monitors without a guest until a client sends {@code quit}. Ends the process.
   *
   * @param program its name, which begins its messages
   * @param extras the monitors
   */
  public static void runWithoutGuest(String program, RunExtras extras) {
    CommandLogging.begin();
    try {
      if (extras.isBackground() && !Background.isThisProcess()) {
        CommandExit.exit(Background.start(System.err));
      }
      Background.begin();
      new ControlOptions(extras).serveWithoutGuest();
      CommandExit.exit(0);
    } catch (Exception e) {
      System.err.println(program + ": " + FailureText.of(e));
      CommandExit.exit(FAILED);
    }
  }

  /** Runs the command that was parsed, unless bytes of it were lost. */
  private static int checkAndRun(ParseResult result) {
    CommandLineBytes.refuseIn(result);
    WorkingDirectory.check(result);
    return new RunLast().execute(result);
  }

  /** Runs one of the commands; messages go to {@code err}. */
  static int execute(CommandLine command, PrintWriter err, String... args) {
    configured(command).setErr(err);
    command.setParameterExceptionHandler(
        (e, given) -> fail(e.getCommandLine(), UsageMessage.message(e), USAGE));
    command.setExecutionStrategy(Main::checkAndRun);
    command.setExecutionExceptionHandler(
        (e, failed, given) ->
            fail(failed, FailureText.of(e), e instanceof UsageException ? USAGE : FAILED));
    if (args.length == 0) {
      command.usage(command.getErr());
      return USAGE;
    }
    return executeToTheEnd(command, "microvm", args);
  }

  /**
   * Registers only the command that was given, or all commands if there is none of that name.
   * Reading the annotations of all commands takes longer than starting the JVM.
   */
  static CommandLine withCommands(String... args) {
    CommandSpec spec =
        Options.command(new Main(), "microvm", "A KVM micro-VMM with virtio-serial channels.");
    CommandLine main = Options.complete(spec, List.of());
    String wanted = args.length == 0 ? "" : args[0];
    if (VERSION.contains(wanted)) {
      return main;
    }
    List<Named> named = COMMANDS.stream().filter(one -> one.name().equals(wanted)).toList();
    for (Named one : named.isEmpty() ? COMMANDS : named) {
      main.addSubcommand(one.name(), one.command().get());
    }
    return main;
  }

  /** All commands, for their reference. */
  static CommandLine commandLine() {
    return withCommands();
  }

  /**
   * Sets, for the command and its subcommands, that the values of options and the words after
   * {@code --} stay as they were given: {@code @FILE} names no file of arguments, and a value may
   * be the name of an option or of a subcommand.
   *
   * @return the command
   */
  static CommandLine configured(CommandLine command) {
    return command
        .setExpandAtFiles(false)
        .setAllowOptionsAsOptionParameters(true)
        .setAllowSubcommandsAsOptionParameters(true)
        .registerConverter(Path.class, CommandLineBytes::path);
  }

  /**
   * Executes the command, and returns its status even if an {@link Error} ends it, for example
   * because the host has no more threads. If the error left this class, the threads that the
   * command has started would keep the process alive.
   */
  private static int executeToTheEnd(CommandLine command, String program, String... args) {
    try {
      return command.execute(args);
    } catch (Error e) {
      return fail(command.getErr(), program, e);
    }
  }

  private static int fail(PrintWriter err, String program, Error e) {
    String message = e instanceof OutOfMemoryError ? e.getMessage() : OpenFileLimit.reason(e);
    if (message == null) {
      e.printStackTrace(err);
    } else {
      err.println(program + ": " + message);
    }
    err.flush();
    return FAILED;
  }

  /** Prints the message as one line, because scripts read it. */
  private static int fail(CommandLine command, String message, int status) {
    return fail(command, "microvm", message, status);
  }

  private static int fail(CommandLine command, String program, String message, int status) {
    if (CheckedOutput.isReaderGone()) {
      return CheckedOutput.PIPE_CLOSED;
    }
    PrintWriter err = command.getErr();
    err.println(program + ": " + GuestText.line(message));
    err.flush();
    return status;
  }
}
