package org.microvm.cli;

import static java.util.Map.entry;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.microvm.machine.IncomingMigration;
import org.microvm.machine.Machine;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationAddress.Tls;
import org.microvm.sandbox.FileRules;
import picocli.CommandLine.Model.OptionSpec;

/** The options of {@code microvm run} for guests that migrate, and the wait for such a guest. */
final class IncomingOptions {
  /** Runs once the process waits. */
  @FunctionalInterface
  interface Waiting {
    /** Notifies the process that has started this one. */
    void begin() throws IOException;
  }

  private final OptionSpec incoming =
      Options.text(
              "unix:PATH[,mode=M][,allow-uid=N][,allow-gid=N]|tcp:HOST:PORT[,tls=off]|defer",
              "wait at this address for a guest that migrates from another process; give the same"
                  + " options as there. defer: QMP's migrate-incoming sets the address",
              "--incoming",
              "-incoming")
          .build();

  private final OptionSpec tlsCredentials =
      Options.path(
          "DIRECTORY",
          "for --incoming tcp: the directory with ca-cert.pem, server-cert.pem and server-key.pem",
          "--tls-creds");

  private final OptionSpec tlsAuthorized =
      Options.texts(
          "PATTERN",
          "for --incoming tcp: a name that the source's certificate must have, where * stands for"
              + " any characters of one part: dns:NAME, uri:URI or a whole subject such as"
              + " CN=host1,O=Example; may be given more than once (default: any name)",
          "--tls-authz");

  private final OptionSpec onMigrate =
      Options.text(
              "exit|stay",
              "what this process does when its guest has migrated: exit (the default), or stay"
                  + " until QMP's quit, as QEMU does",
              "--on-migrate")
          .build();

  private volatile IncomingWait wait;
  private volatile boolean calledOff;

  /** The options, in the order of the help. */
  List<OptionSpec> all() {
    return List.of(incoming, tlsCredentials, tlsAuthorized, onMigrate);
  }

  /** Whether the machine waits for a guest. */
  boolean isGiven() {
    return incoming.getValue() != null;
  }

  /** Ends the wait, also one that has not begun. */
  void callOff() {
    calledOff = true;
    IncomingWait present = wait;
    if (present != null) {
      present.end();
    }
  }

  /** Whether a client has ended the wait. */
  boolean isCalledOff() {
    return wait != null && wait.isEnded();
  }

  /** Refuses options without the option that they belong to. */
  void check() {
    if (tlsCredentials.getValue() != null && !isGiven()) {
      throw new UsageException("--tls-creds requires --incoming");
    }
    if (!Options.all(tlsAuthorized).isEmpty() && tlsCredentials.getValue() == null) {
      throw new UsageException("--tls-authz requires --incoming and --tls-creds");
    }
  }

  /** Adds the files and ports of the options to what the process may use. */
  void addTo(FileRules rules) {
    if (tlsCredentials.getValue() != null) {
      rules.read(tlsCredentials.getValue());
    }
    if (isGiven() && !isDeferred()) {
      SandboxOptions.addAddress(rules, address());
    }
  }

  private boolean isDeferred() {
    return IncomingWait.DEFER.equals(incoming.getValue());
  }

  private MigrationAddress address() {
    return MigrateCommand.address(
        "--incoming",
        incoming.getValue(),
        tls(tlsCredentials.getValue(), Options.all(tlsAuthorized)));
  }

  /** Whether the process continues when its guest has migrated. */
  boolean staysAfterMigration(ControlOptions control) {
    boolean stays =
        onMigrate.getValue() != null
            && Options.choice(onMigrate, entry("exit", false), entry("stay", true));
    if (stays && !control.isRequested()) {
      throw new UsageException("--on-migrate stay requires --qmp, whose quit ends the process");
    }
    return stays;
  }

  /**
   * Waits for a guest, with the control socket open.
   *
   * @param held whether the guest stays paused until a client sends {@code cont}
   * @param waiting called once the process waits
   */
  Machine receive(MachineConfig config, ControlOptions control, boolean held, Waiting waiting)
      throws IOException, MachineException {
    boolean deferred = isDeferred();
    if (deferred && !control.isRequested()) {
      throw new UsageException("--incoming defer requires --qmp, on which the address is set");
    }
    wait = new IncomingWait(deferred, held);
    if (calledOff) {
      wait.end();
    }
    control.createIncoming(config, wait);
    if (deferred) {
      control.listenIncoming();
      waiting.begin();
      return wait.receive(config);
    }
    MigrationAddress address = address();
    try (IncomingMigration listening = IncomingMigration.listen(address, config)) {
      if (!listening.address().equals(address)) {
        System.err.println("microvm: waiting at " + listening.address());
      }
      // After that, so that the guest can arrive as soon as a client has its answer.
      control.listenIncoming();
      // A process in the background has nothing more to do before the guest arrives.
      waiting.begin();
      return wait.receive(listening, config);
    }
  }

  private static Optional<Tls> tls(Path credentials, List<String> clients) {
    return Optional.ofNullable(credentials)
        .map(directory -> new Tls(directory.toAbsolutePath(), Optional.empty(), clients));
  }
}
