package org.microvm.cli;

import static java.util.Map.entry;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.devices.virtio.blk.OverlayDisk;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.sandbox.FileRules;
import org.microvm.sandbox.Sandbox;
import org.microvm.sandbox.SandboxMode;
import picocli.CommandLine.Model.OptionSpec;

/** The options of the sandbox. Snapshots do not keep them: who restores a machine decides. */
final class SandboxOptions {
  private static final int MAX_PORT = 65_535;

  private static volatile boolean ownsProcess;

  /** Without a value, the default: the sandbox is on, as far as the kernel supports it. */
  private final OptionSpec sandbox =
      Options.text(
              "on|off|strict",
              "restrict this process to the system calls and files that a machine needs;"
                  + " with on, clients of --qmp can name more files while the machine runs;"
                  + " strict allows only what the command line names, and kills the process at a"
                  + " forbidden system call (default: on)",
              "--sandbox")
          .build();

  private final OptionSpec directories =
      Options.texts(
          "DIRECTORY",
          "for --sandbox: a directory in which files and sockets may be created while the machine"
              + " runs, such as snapshots",
          "--sandbox-dir");

  private final OptionSpec ports =
      Options.texts(
          "PORT",
          "for --sandbox strict: a TCP port that the machine may use while it runs, such as that of"
              + " a migration",
          "--sandbox-port");

  /**
   * Declares that this process runs one command and ends with it. Only then is the sandbox the
   * default, because it cannot be undone.
   */
  static void ownProcess() {
    ownsProcess = true;
  }

  /** The options, in the order of the help. */
  List<OptionSpec> all() {
    return List.of(sandbox, directories, ports);
  }

  /**
   * Returns the requested mode; empty if the sandbox is off.
   *
   * @throws UsageException if a value is not accepted
   */
  Optional<SandboxMode> mode() {
    Optional<SandboxMode> on = Optional.of(SandboxMode.ON);
    Optional<SandboxMode> mode =
        sandbox.getValue() == null
            ? on
            : Options.choice(
                sandbox,
                entry("on", on),
                entry("off", Optional.<SandboxMode>empty()),
                entry("strict", Optional.of(SandboxMode.STRICT)));
    ports();
    if (mode.isEmpty() && !Options.all(directories).isEmpty()) {
      throw new UsageException("--sandbox-dir cannot be combined with --sandbox off");
    }
    if (!mode.equals(Optional.of(SandboxMode.STRICT)) && !Options.all(ports).isEmpty()) {
      throw new UsageException("--sandbox-port requires --sandbox strict");
    }
    return mode;
  }

  private List<Integer> ports() {
    List<Integer> numbers = new ArrayList<>();
    for (String text : Options.all(ports)) {
      if (!text.matches("[0-9]{1,5}") || Integer.parseInt(text) > MAX_PORT) {
        throw new UsageException("--sandbox-port: '" + text + "' is not a port from 0 to 65535");
      }
      numbers.add(Integer.parseInt(text));
    }
    return numbers;
  }

  /**
   * Enters the sandbox. Nothing that a guest or a peer controls has been read before, and of a
   * snapshot only its options.
   *
   * @param rules the files and ports that the other options name
   * @param controlled whether clients of a control socket can name further ones
   * @throws IOException if the kernel lacks what the sandbox needs, and the option was given
   */
  void enter(FileRules rules, boolean controlled) throws IOException {
    Optional<SandboxMode> mode = mode();
    boolean asked = sandbox.getValue() != null || !Options.all(directories).isEmpty();
    if (mode.isEmpty() || !asked && !isDefault()) {
      return;
    }
    for (String directory : Options.all(directories)) {
      rules.create(Options.file("--sandbox-dir", directory));
    }
    for (int port : ports()) {
      rules.port(port);
    }
    boolean tcp = rules.hasPorts() || controlled && mode.get() == SandboxMode.ON;
    try (Sandbox prepared = Sandbox.prepare(mode.get(), rules, controlled, tcp)) {
      report(prepared.enter(), asked);
    } catch (ErrnoException e) {
      throw failure(e);
    }
  }

  /** Whether the sandbox is the default in this process. */
  private static boolean isDefault() {
    return ownsProcess && Sandbox.hasSeccomp();
  }

  private static void report(boolean restrictsFiles, boolean asked) {
    if (!restrictsFiles && asked) {
      System.err.println(
          "microvm: --sandbox on: the kernel has no Landlock, so files are not restricted");
    }
  }

  private static IOException failure(ErrnoException e) {
    return new IOException("--sandbox: " + e.getMessage(), e);
  }

  /**
   * Enters the sandbox as the server of many machines, whose files are named later.
   *
   * @param asked whether the user gave the option; a message then reports what the kernel lacks
   * @throws IOException if the kernel lacks what the sandbox needs, and the user gave the option
   */
  static void enterServer(boolean asked) throws IOException {
    if (!asked && !isDefault()) {
      return;
    }
    try (Sandbox prepared = Sandbox.prepare(SandboxMode.ON, new FileRules(), true, true)) {
      report(prepared.enterWithAllDescriptors(), asked);
    } catch (ErrnoException e) {
      throw failure(e);
    }
  }

  /** Prepares a sandbox without entering it, so that an ahead-of-time cache has the classes. */
  static void rehearse() {
    FileRules rules = new FileRules().createAt(Path.of("file"));
    try {
      Sandbox.prepare(SandboxMode.ON, rules, true, true).close();
      Sandbox.prepare(SandboxMode.STRICT, rules, true, true).close();
    } catch (ErrnoException e) {
      System.err.println("microvm: sandbox: " + e.getMessage());
    }
  }

  /** Adds the images of a machine. */
  static void addMachine(FileRules rules, MachineConfig config) {
    rules.read(config.kernel());
    if (config.initrd().isPresent()) {
      rules.read(config.initrd().get());
    }
    for (DiskConfig disk : config.disks()) {
      if (disk.writesImage()) {
        rules.write(disk.file());
      } else {
        rules.read(disk.file());
        if (!disk.readOnly()) {
          rules.create(OverlayDisk.directory());
        }
      }
    }
  }

  /** Adds the address at which a machine waits for a guest. */
  static void addAddress(FileRules rules, MigrationAddress address) {
    if (address instanceof MigrationAddress.Unix unix) {
      rules.createAt(unix.socket());
    } else if (address instanceof MigrationAddress.Tcp tcp) {
      rules.port(tcp.port());
    }
  }
}
