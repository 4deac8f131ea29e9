package org.microvm.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.microvm.qmp.HumanChannel;
import org.microvm.qmp.QmpChannel;
import org.microvm.qmp.QmpEndpoint;
import org.microvm.qmp.QmpSocket;
import org.microvm.sandbox.FileRules;
import org.microvm.virtioserial.options.ChardevSpec;

/**
 * Additional settings of {@code microvm run} for programs with their own command line, such as
 * qemu-cli. Snapshots do not contain them. Not thread-safe.
 */
public final class RunExtras {
  /**
   * A chardev with the option that it comes from, for messages.
   *
   * @param option such as {@code -serial unix:/run/uart}
   * @param id what query-chardev calls it
   * @param chardev the host end
   */
  public record Serial(String option, String id, ChardevSpec chardev) {}

  private final List<QmpEndpoint> monitors = new ArrayList<>();
  private Optional<Serial> serial = Optional.empty();
  private Optional<String> label = Optional.empty();
  private Optional<Path> pidFile = Optional.empty();
  private UUID uuid = new UUID(0, 0);
  private boolean paused;
  private boolean background;
  private boolean exactCommandLine;
  private boolean staysAfterShutdown;
  private boolean signalsAreSuccess;
  private Optional<String> qemuVersion = Optional.empty();

  /** Creates settings that change nothing. */
  public RunExtras() {}

  /**
   * Adds an endpoint on which the machine is controlled.
   *
   * @param endpoint where its clients come from
   * @return this object
   */
  public RunExtras monitor(QmpEndpoint endpoint) {
    monitors.add(endpoint);
    return this;
  }

  /**
   * Connects the guest's UART to a chardev instead of this terminal.
   *
   * @param end the host end
   * @return this object
   */
  public RunExtras serial(Serial end) {
    serial = Optional.of(end);
    return this;
  }

  /**
   * Sets what {@code query-name} answers; the machine is not registered under that name.
   *
   * @param text any text
   * @return this object
   */
  public RunExtras label(String text) {
    label = Optional.of(text);
    return this;
  }

  /**
   * Sets what {@code query-uuid} answers.
   *
   * @param ofMachine any UUID
   * @return this object
   */
  public RunExtras uuid(UUID ofMachine) {
    uuid = ofMachine;
    return this;
  }

  /**
   * Writes the id of the machine's process to a file, which is removed when the machine ends.
   *
   * @param file is replaced
   * @return this object
   */
  public RunExtras pidFile(Path file) {
    pidFile = Optional.of(file);
    return this;
  }

  /**
   * Starts the guest only when a client sends {@code cont}.
   *
   * @return this object
   */
  public RunExtras paused() {
    paused = true;
    return this;
  }

  /**
   * Runs the machine in a process of its own session, and returns once it runs.
   *
   * @return this object
   */
  public RunExtras background() {
    background = true;
    return this;
  }

  /**
   * Leaves out what the kernel command line has by default: a console, and what to do at a reboot
   * and a panic.
   *
   * @return this object
   */
  public RunExtras exactCommandLine() {
    exactCommandLine = true;
    return this;
  }

  /**
   * Keeps the process after the guest has shut down, until a client sends {@code quit}.
   *
   * @return this object
   */
  public RunExtras staysAfterShutdown() {
    staysAfterShutdown = true;
    return this;
  }

  /**
   * Makes SIGTERM, SIGINT and SIGHUP end the process with status 0.
   *
   * @return this object
   */
  public RunExtras signalsAreSuccess() {
    signalsAreSuccess = true;
    return this;
  }

  /**
   * Makes the control sockets behave as clients of QEMU expect: they report QEMU's version, and
   * migrations over TCP do not need TLS.
   *
   * @param version such as 7.2.0
   * @return this object
   */
  public RunExtras asQemu(String version) {
    qemuVersion = Optional.of(version);
    return this;
  }

  /** {@return the endpoints on which the machine is controlled, besides those of the options} */
  public List<QmpEndpoint> monitors() {
    return List.copyOf(monitors);
  }

  /** {@return the host end of the UART} */
  public Optional<Serial> serial() {
    return serial;
  }

  /** {@return what {@code query-name} answers} */
  public Optional<String> label() {
    return label;
  }

  /** {@return what {@code query-uuid} answers; zeros if it was not set} */
  public UUID uuid() {
    return uuid;
  }

  /** {@return the file with the id of the process} */
  public Optional<Path> pidFile() {
    return pidFile;
  }

  /** {@return whether the guest waits for {@code cont}} */
  public boolean isPaused() {
    return paused;
  }

  /** {@return whether the machine runs in the background} */
  public boolean isBackground() {
    return background;
  }

  /** {@return whether the kernel command line is only what the options say} */
  public boolean hasExactCommandLine() {
    return exactCommandLine;
  }

  /** {@return whether the process stays after the guest has shut down} */
  public boolean isStayingAfterShutdown() {
    return staysAfterShutdown;
  }

  /** {@return whether a signal ends the process with status 0} */
  public boolean areSignalsSuccess() {
    return signalsAreSuccess;
  }

  /** {@return the version of QEMU to report to clients; empty for that of this program} */
  public Optional<String> qemuVersion() {
    return qemuVersion;
  }

  /** Adds the files and sockets to what the process may use. */
  void addTo(FileRules rules) {
    monitors.forEach(endpoint -> addTo(rules, endpoint));
    serial.ifPresent(line -> ChannelOptions.addTo(rules, line.chardev()));
    pidFile.ifPresent(rules::createAt);
  }

  private static void addTo(FileRules rules, QmpEndpoint endpoint) {
    switch (endpoint) {
      case QmpSocket socket -> rules.createAt(socket.path());
      case QmpChannel channel -> ChannelOptions.addTo(rules, channel.chardev());
      case HumanChannel channel -> ChannelOptions.addTo(rules, channel.chardev());
    }
  }
}
