package org.microvm.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.microvm.cli.named.Background;
import org.microvm.cli.named.MachineFiles;
import org.microvm.kvm.HostVirtualization;
import org.microvm.machine.ChannelWarmup;
import org.microvm.machine.Machine;
import org.microvm.machine.MigrationWarmup;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.sandbox.FileRules;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** {@code microvm run}: runs one machine, with its console on this terminal. */
final class RunCommand implements Callable<Integer> {
  private final MachineOptions options = new MachineOptions();
  private final RunExtras extras;
  private final ControlOptions control;
  private final SandboxOptions sandbox = new SandboxOptions();
  private final ResumeOptions resume = new ResumeOptions();
  private final IncomingOptions incoming = new IncomingOptions();

  private final OptionSpec exitStats =
      Options.path(
          "FILE",
          "write exit counts and start-up times to FILE as JSON when the machine ends",
          "--exit-stats");

  /** A file that the caller writes, or null. */
  private Path output;

  /** Whether the process that started this one knows that the machine runs. */
  private boolean inBackground;

  private final OptionSpec noConsole =
      Options.flag(
          "do not connect the guest's UART to this terminal; implied by a stdio chardev",
          "--no-console");

  private final OptionSpec timeout =
      Options.text(
              "SECONDS",
              "end the machine after this time, with status 124 (default: no limit)",
              "--timeout")
          .build();

  private final OptionSpec warmUp =
      Options.flag(
          "first compile the code of channels, which takes about a second: the first messages of a"
              + " channel are then as fast as later ones",
          "--warm-up");

  private final OptionSpec detach =
      Options.flag(
          "run the machine in the background and return once it runs; requires --name", "--detach");

  private final PositionalParamSpec command =
      PositionalParamSpec.builder()
          .index("0..*")
          .arity("0..*")
          .type(ArrayList.class)
          .auxiliaryTypes(String.class)
          .paramLabel("-- COMMAND [ARGUMENT]")
          .description(
              "run COMMAND in the project's own guest, on this process's standard input, output and"
                  + " error; its exit status is that of this process")
          .build();

  private CommandSpec spec;

  private NamedRun named;
  private CommandRun commandRun;
  private RunConsole console;
  private MachineConfig config;
  private Optional<Path> pidFile = Optional.empty();
  private Machine machine;

  /** Whether the statistics could not be written; set by the thread that ends the machine. */
  private volatile boolean statisticsLost;

  RunCommand() {
    this(new RunExtras());
  }

  private RunCommand(RunExtras extras) {
    this.extras = extras;
    control = new ControlOptions(extras);
  }

  /** The command. */
  static CommandLine commandLine() {
    return commandLine(new RunExtras());
  }

  /** The command with the settings of another program's command line. */
  static CommandLine commandLine(RunExtras extras) {
    RunCommand run = new RunCommand(extras);
    CommandSpec spec =
        Options.command(
            run,
            "run",
            "Boots a kernel. On a terminal, Ctrl-A x ends the machine and Ctrl-A h shows help.");
    spec.addPositional(run.command);
    run.spec = spec;
    return Options.complete(spec, run.all());
  }

  /** The options, in the order of the help. */
  List<OptionSpec> all() {
    List<OptionSpec> all = new ArrayList<>(options.all());
    all.addAll(control.all());
    all.addAll(sandbox.all());
    all.add(exitStats);
    all.addAll(resume.all());
    all.addAll(incoming.all());
    all.addAll(List.of(noConsole, timeout, warmUp, detach));
    return all;
  }

  @Override
  public Integer call() throws Exception {
    return call(machine -> {});
  }

  /** The kernel that was given, or null for the project's own. */
  Path kernel() {
    return options.kernel();
  }

  /** Leaves standard output to the caller. */
  void hideConsole() {
    noConsole.setValue(true);
  }

  /** Runs the machine, and passes it to {@code onStart} once it runs. */
  Integer call(Consumer<Machine> onStart) throws Exception {
    FileProblem.checkOutput("--exit-stats", exitStats.getValue());
    if (Options.isGiven(detach)) {
      checkDetach();
    }
    if ((Options.isGiven(detach) || extras.isBackground()) && !Background.isThisProcess()) {
      return Background.start(System.err);
    }
    // SIGTERM, SIGINT and SIGHUP start the JVM's orderly shutdown, which keeps their exit status.
    Shutdown shutdown = new Shutdown(this::finish, extras.areSignalsSuccess());
    shutdown.interruptBy(
        () -> {
          incoming.callOff();
          control.close();
        });
    int status;
    try {
      shutdown.during(() -> named = NamedRun.begin(control.name()));
      status = call(shutdown, onStart);
    } finally {
      shutdown.run();
    }
    return status == 0 && statisticsLost ? Main.FAILED : status;
  }

  private void checkDetach() {
    if (control.name() == null) {
      throw new UsageException("--detach requires --name");
    }
    NamedRun.name("--name", control.name());
    if (!argv().isEmpty()) {
      throw new UsageException("--detach: a command needs this process's standard streams");
    }
  }

  private Integer call(Shutdown shutdown, Consumer<Machine> onStart) throws Exception {
    TimeLimit limit = TimeLimit.parse(timeout.getValue());
    shutdown.during(this::prepare);
    boolean stays = incoming.staysAfterMigration(control);
    sandbox.enter(files(), control.isRequested());
    if (Options.isGiven(warmUp)) {
      ChannelWarmup.run();
    }
    try {
      shutdown.during(() -> pidFile = PidFile.write(extras.pidFile()));
      shutdown.during(() -> machine = MachineStart.make(this::machine));
    } catch (IOException | MachineException | RuntimeException e) {
      if (incoming.isCalledOff()) {
        return 0;
      }
      throw e;
    }
    shutdown.during(this::start);
    limit.start(machine);
    onStart.accept(machine);
    console.startInput(machine, named);
    if (commandRun != null) {
      return limit.statusOr(
          () -> commandRun.status(machine, () -> limit.hasPassed() || shutdown.hasBegun()));
    }
    MachineEnd end = awaitEnd(machine, stays);
    return limit.statusOr(() -> ExitStatus.of(end, System.err));
  }

  /** Checks the options, and makes what the machine needs before the sandbox begins. */
  private void prepare() throws Exception {
    List<String> words = argv();
    control.name(named.files());
    control.prepare();
    control.check();
    incoming.check();
    resume.check(incoming.isGiven());
    sandbox.mode();
    if (!words.isEmpty()) {
      options.addBootOption(GuestCommand.BOOT_OPTION);
    }
    if (extras.hasExactCommandLine()) {
      options.exactCommandLine();
    }
    options.name(named.files(), named.files() != null && AgentChannel.isAdded(resume.directory()));
    MachineConfig.Builder builder = options.toBuilder(incoming.isGiven());
    if (Background.isThisProcess() && options.channels().useStdio()) {
      throw new UsageException("--detach: a stdio chardev needs this process's standard streams");
    }
    if (!words.isEmpty()) {
      commandRun = CommandRun.prepare(words, builder);
    }
    console = console();
    config = builder.console(named.console(console.output())).build();
  }

  /** Connects the machine with the outside, and starts it unless something else will. */
  private void start() throws IOException, MachineException {
    console.takeTerminal();
    control.open(machine, options.channels(), console.chardev().orElse(null));
    named.serve(machine);
    console.chardev().ifPresent(uart -> uart.attach(machine));
    if (!control.isOpen()) {
      machine.addListener(new DiskRetry(machine));
    }
    // A signal may have ended the machine while it waited for clients.
    if (!incoming.isGiven() && !extras.isPaused() && !machine.end().isDone()) {
      machine.start();
      ClientWait.watch(machine.channels().readyToBoot(), options.channels().awaited());
    }
    if (control.isOpen()) {
      DelayedWarmup.start("migration-warmup", machine.end(), MigrationWarmup::run);
    }
    runs();
  }

  /** Returns where the guest's UART goes. */
  private RunConsole console() throws IOException {
    if (commandRun != null) {
      return RunConsole.to(commandRun.console());
    }
    if (extras.serial().isPresent()) {
      return RunConsole.onChardev(extras.serial().get());
    }
    // A channel on stdio needs standard input and output, and the terminal mode, for itself.
    boolean shown =
        !Background.isThisProcess()
            && !Options.isGiven(noConsole)
            && !options.channels().useStdio();
    return shown ? RunConsole.onStandardStreams() : RunConsole.to(OutputStream.nullOutputStream());
  }

  /**
   * Waits for the end of the machine, which a client may also end before it has started, and then
   * until clients no longer need the process.
   *
   * @param stays whether clients may use the process after the guest has migrated
   */
  private MachineEnd awaitEnd(Machine machine, boolean stays) {
    if (extras.isPaused()) {
      CompletableFuture.anyOf(machine.end(), control.quitRequested()).join();
      if (!machine.isStarted()) {
        return new MachineEnd.Stopped();
      }
    }
    MachineEnd end = machine.end().join();
    if (extras.isStayingAfterShutdown() && control.isOpen() && isShutdown(end)) {
      control.reportEnd(end);
      control.awaitQuit();
    }
    if (stays && end instanceof MachineEnd.Migrated) {
      control.awaitQuit();
    }
    return end;
  }

  private static boolean isShutdown(MachineEnd end) {
    return end instanceof MachineEnd.PowerOff || end instanceof MachineEnd.Reset;
  }

  private void runs() throws IOException {
    named.runs(config);
    if (extras.isBackground() && !inBackground) {
      inBackground = true;
      Background.runs(Path.of("/dev/null"));
    }
  }

  /** Names a file that the caller writes after the end of the machine; null for none. */
  void writes(Path file) {
    output = file;
  }

  /** Returns the command to be run in the guest; empty if there is none. */
  private List<String> argv() {
    return GuestArgv.of(
        spec, command, kernel() != null, incoming.isGiven() || resume.directory() != null);
  }

  /** Returns the files and ports that the options name. */
  private FileRules files() {
    FileRules rules = new FileRules();
    MachineFiles ofName = named.files();
    if (ofName != null) {
      // The whole runtime directory, because the logs of a machine that has ended move in it.
      rules.create(ofName.directory().getParent());
    }
    SandboxOptions.addMachine(rules, config);
    options.channels().addTo(rules);
    control.addTo(rules);
    extras.addTo(rules);
    if (exitStats.getValue() != null) {
      rules.write(exitStats.getValue());
    }
    if (output != null) {
      rules.write(output);
    }
    resume.addTo(rules);
    incoming.addTo(rules);
    return rules;
  }

  private Machine machine() throws IOException, MachineException {
    System.err.print(warning(config));
    if (resume.directory() != null) {
      return resume.restore(config);
    }
    return incoming.isGiven()
        ? incoming.receive(config, control, extras.isPaused(), this::runs)
        : Machine.create(config);
  }

  /** Returns a message about limits of the host, with a line feed, or nothing. */
  static String warning(MachineConfig config) {
    return config.cpus() > 1 && HostVirtualization.emulatesKernels()
        ? "microvm: KVM emulates guest kernels on this host (kvm-pvm): Linux with more than one vCPU"
            + " needs a kernel that is patched for such hosts and has SMP, and boots slower\n"
        : "";
  }

  /** Releases all resources, and writes the statistics of a machine. */
  private void finish() {
    if (console != null) {
      console.releaseTerminal();
    }
    control.close();
    if (machine != null) {
      machine.close();
    }
    if (console != null) {
      console.close();
    }
    PidFile.remove(pidFile);
    if (named != null) {
      named.close();
    }
    Path file = exitStats.getValue();
    if (file != null && machine != null) {
      try {
        ExitStatsFile.write(file, machine.statistics());
      } catch (IOException e) {
        statisticsLost = true;
        System.err.println("microvm: " + FileProblem.of("--exit-stats", file, e).getMessage());
      }
    }
  }
}
