package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.ShutdownMode;
import org.microvm.cli.named.Machines;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm stop}: shuts down a machine with a name, or powers it off if that fails. */
@Command(
    name = "stop",
    description =
        "Shuts down a machine through its power button or its guest agent. If the"
            + " guest does not shut down in time, powers the machine off. Prints which of"
            + " these happened.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class StopCommand implements Callable<Integer> {

  private static final String ENDED = "%s was ending already and has ended";
  private static final String NOT_STARTED = "%s had not started its guest yet and ended";

  /** How the guest was asked to shut down. */
  private enum Request {
    POWER_BUTTON("power button"),
    GUEST_AGENT("guest agent"),

    /** Not at all: there is no power button, and no guest agent answers. */
    IMPOSSIBLE("not asked"),

    /** Not at all: the guest does not run yet. */
    NOT_STARTED("not asked");

    private final String text;

    Request(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** What happened to the machine: the values of {@code how} in the JSON output. */
  private enum Result {
    SHUT_DOWN,
    POWER_BUTTON,
    GUEST_AGENT,
    NOT_STARTED,
    ENDED,
    MIGRATED,
    POWER_CUT,
    KILLED;

    String json() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  @Parameters(paramLabel = "NAME", description = "the machine's name")
  private String name;

  @Option(
      names = "--force",
      description = "power the machine off immediately, without a guest shutdown")
  private boolean force;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description = "how long the guest may take (default: ${DEFAULT-VALUE})")
  private int timeout;

  @Option(names = "--json", description = "print what happened as JSON")
  private boolean json;

  private Machines.Entry machine;
  private PowerCut end;

  /** The state of the machine, for the message if the command is interrupted. */
  private String state = "was not stopped and continues";

  @Override
  public Integer call() throws IOException {
    if (timeout < 0) {
      throw new UsageException("--timeout must be at least 0 seconds, not " + timeout);
    }
    machine = FoundMachine.find("stop", name).entry();
    end = new PowerCut(machine);
    try (Interruption interruption = new Interruption()) {
      try {
        stop();
        return 0;
      } catch (InterruptedIOException e) {
        interruption.handled();
        System.err.println("microvm: interrupted: " + name + " " + state);
        return interruption.status();
      }
    }
  }

  private void stop() throws IOException {
    if (isEnding() && end.hasEnded(Duration.ofSeconds(timeout))) {
      say(Result.ENDED, ENDED);
      return;
    }
    if (!hasControl() && machine.description().isEmpty() && !machine.served()) {
      // It waits for a client, or for a guest that migrates here.
      ProcessHandle.of(machine.pid()).ifPresent(ProcessHandle::destroy);
      if (end.hasEnded(PowerCut.ANSWER)) {
        say(Result.NOT_STARTED, NOT_STARTED);
        return;
      }
    }
    if (force) {
      cut(Result.POWER_CUT, "%s was powered off (--force)");
      return;
    }
    Request request;
    ShutdownOutcome outcome;
    try (QmpClient client = QmpClient.connect(machine.files().control(), new Waiting())) {
      request = requestShutdown(client);
      outcome = awaitOutcome(client, request);
    } catch (IOException e) {
      if (hasControl() || e instanceof InterruptedIOException || !end.hasEnded(PowerCut.ANSWER)) {
        throw e;
      }
      say(Result.ENDED, ENDED);
      return;
    }
    if (outcome == null) {
      cut(request);
    } else {
      say(outcome, request);
    }
  }

  private boolean hasControl() {
    return Files.exists(machine.files().control());
  }

  /** Whether the machine has run: the control socket is closed before the process ends. */
  private boolean isEnding() {
    return !hasControl() && machine.description().isPresent();
  }

  /** Returns how the machine has ended after the request, or null if it runs. */
  private ShutdownOutcome awaitOutcome(QmpClient client, Request request) throws IOException {
    boolean ended =
        switch (request) {
          case POWER_BUTTON, GUEST_AGENT -> hasShutDown(request);
          case IMPOSSIBLE -> isGone(client);
          case NOT_STARTED -> false;
        };
    return ended ? ShutdownOutcome.of(client) : null;
  }

  private boolean hasShutDown(Request request) throws IOException {
    state = "was asked to shut down (" + request + ") and continues to do so";
    try (WaitingLine _ = new WaitingLine(name + " to shut down")) {
      return end.hasEnded(Duration.ofSeconds(timeout));
    }
  }

  /** Requests a shutdown from the guest. */
  private Request requestShutdown(QmpClient client) throws IOException {
    String guest = client.execute("query-status").path("status").asText();
    if (guest.equals("inmigrate") || guest.equals("prelaunch")) {
      return Request.NOT_STARTED;
    }
    if (guest.equals("paused")) {
      throw new IOException(
          "%s is paused, so its guest cannot shut down: `microvm ctl %s cont` resumes it, `microvm stop %s --force` powers it off"
              .formatted(name, name, name));
    }
    state = "may have been asked to shut down";
    try {
      client.execute("system_powerdown");
      return Request.POWER_BUTTON;
    } catch (QmpException noButton) {
      return listens(client.execute("x-query-ports")) && askAgent()
          ? Request.GUEST_AGENT
          : Request.IMPOSSIBLE;
    }
  }

  /** Whether the machine has ended by itself: an agent does not answer then either. */
  private boolean isGone(QmpClient client) throws IOException {
    try {
      client.execute("query-status");
      return false;
    } catch (InterruptedIOException e) {
      throw e;
    } catch (IOException closed) {
      return end.hasEnded(PowerCut.ANSWER);
    }
  }

  /** Waits for a slow machine as long as for its guest. */
  private final class Waiting implements QmpClient.Patience {
    @Override
    public void waiting(String what, Duration since) throws IOException {
      if (since.toSeconds() >= Math.max(timeout, 1)) {
        throw new IOException(
            "%s did not send %s within %d s (--timeout) and %s; `microvm stop %s --force` powers it off"
                .formatted(name, what, since.toSeconds(), state, name));
      }
      StatusLine.show("waiting for %s: %d s".formatted(what, since.toSeconds()));
    }

    @Override
    public void over() {
      StatusLine.clear();
    }
  }

  /** Whether a guest agent has opened its channel. */
  private static boolean listens(JsonNode ports) {
    for (JsonNode port : ports) {
      if (port.path("name").asText().equals(AgentChannel.NAME)
          && port.path("guest-open").asBoolean()) {
        return true;
      }
    }
    return false;
  }

  private boolean askAgent() throws InterruptedIOException {
    Duration limit = Duration.ofSeconds(Math.max(timeout, 1));
    try (WaitingLine _ = new WaitingLine("the guest agent of " + name);
        GuestAgent agent = GuestAgent.connect(machine.files().agent(), limit)) {
      agent.ping();
      agent.shutdown(ShutdownMode.POWERDOWN);
      return true;
    } catch (IOException noAgent) {
      if (noAgent instanceof InterruptedIOException || Thread.currentThread().isInterrupted()) {
        throw new InterruptedIOException(noAgent.getMessage());
      }
      return false;
    }
  }

  /** Powers off a machine whose guest has not shut down after the request. */
  private void cut(Request request) throws IOException {
    switch (request) {
      case NOT_STARTED -> cut(Result.NOT_STARTED, NOT_STARTED);
      case IMPOSSIBLE ->
          cut(
              Result.POWER_CUT,
              "%s has neither a power button nor a guest agent that answers, so it was powered off");
      case POWER_BUTTON, GUEST_AGENT ->
          cut(
              Result.POWER_CUT,
              "%s did not shut down within "
                  + timeout
                  + " s ("
                  + request
                  + ") and was powered off");
    }
  }

  private void cut(Result result, String message) throws IOException {
    state = "may be powering off";
    if (end.cut()) {
      say(Result.KILLED, "the process of %s did not answer and was killed");
    } else {
      say(result, message);
    }
  }

  private void say(ShutdownOutcome outcome, Request request) throws IOException {
    switch (outcome) {
      case SHUT_DOWN -> sayShutDown(request);
      case MIGRATED -> say(Result.MIGRATED, "the guest of %s has moved to another process");
      case ENDED_BY_OTHERS ->
          say(Result.ENDED, "%s was ended by another program or a signal before it had shut down");
      case PANICKED -> throw new IOException("the guest of %s panicked".formatted(name));
      case FAILED -> throw new IOException("%s failed before it had shut down".formatted(name));
      case DIED ->
          throw new IOException(
              "the process of %s was killed or crashed before the guest had shut down"
                  .formatted(name));
    }
  }

  private void sayShutDown(Request request) {
    switch (request) {
      case POWER_BUTTON -> say(Result.POWER_BUTTON, "%s shut down (power button)");
      case GUEST_AGENT -> say(Result.GUEST_AGENT, "%s shut down (guest agent)");
      case IMPOSSIBLE, NOT_STARTED -> say(Result.SHUT_DOWN, "%s shut down");
    }
  }

  private void say(Result result, String message) {
    String text = message.formatted(name);
    if (json) {
      JsonOutput.print(
          QmpClient.arguments().put("name", name).put("how", result.json()).put("message", text));
    } else {
      System.out.println(text);
    }
  }
}
