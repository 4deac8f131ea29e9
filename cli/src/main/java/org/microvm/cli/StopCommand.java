package org.microvm.cli;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.ShutdownMode;
import org.microvm.cli.named.Machines;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm stop}: shuts a machine with a name down, and ends it if that does not help. */
@Command(
    name = "stop",
    description =
        "Shuts a machine down by its power button or its guest agent, and ends it like a power cut if"
            + " it has not ended in time. Prints what happened.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class StopCommand implements Callable<Integer> {
  /** Time for the guest agent to answer, and for a process to end after it was told to. */
  private static final Duration ANSWER = Duration.ofSeconds(5);

  /** Instead of a way to shut down a guest that does not run yet. */
  private static final String NOT_STARTED = "";

  @Parameters(paramLabel = "NAME", description = "the machine's name")
  private String name;

  @Option(names = "--force", description = "end it like a power cut, at once")
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
  private CompletableFuture<Void> ended;

  @Override
  public Integer call() throws IOException {
    if (timeout < 0) {
      throw new UsageException("--timeout must be at least 0 seconds, not " + timeout);
    }
    machine = Machines.ofUser().find(NamedRun.name("stop", name));
    ended = new CompletableFuture<>();
    Thread.ofPlatform().daemon().name("end-of-machine").start(this::awaitEnd);
    if (!Files.exists(machine.files().control())) {
      // It waits for a client, or for a guest that migrates here.
      ProcessHandle.of(machine.pid()).ifPresent(ProcessHandle::destroy);
      if (hasEnded(ANSWER)) {
        say("not-started", "%s had not started its guest yet and ended");
        return 0;
      }
    }
    if (force) {
      cut("power-cut", "%s ended like a power cut (--force)");
      return 0;
    }
    String how = shutDown();
    if (NOT_STARTED.equals(how)) {
      cut("not-started", "%s had not started its guest yet and ended");
    } else if (how != null && hasEnded(Duration.ofSeconds(timeout))) {
      say(how.replace(' ', '-'), "%s shut down (" + how + ")");
    } else if (how != null) {
      cut(
          "power-cut",
          "%s did not shut down within " + timeout + " s (" + how + ") and ended like a power cut");
    } else {
      cut(
          "power-cut",
          "%s has no power button and no answering guest agent, so it ended like a power cut");
    }
    return 0;
  }

  private void awaitEnd() {
    try {
      machine.awaitEnd();
      ended.complete(null);
    } catch (IOException e) {
      ended.completeExceptionally(e);
    }
  }

  /** Asks the guest to shut down; returns how, or null if there is no way. */
  private String shutDown() throws IOException {
    try (QmpClient client = QmpClient.connect(machine.files().control(), ANSWER)) {
      String state = client.execute("query-status").path("status").asText();
      if (state.equals("inmigrate") || state.equals("prelaunch")) {
        return NOT_STARTED;
      }
      if (state.equals("paused")) {
        throw new IOException(
            "%s is paused, so its guest cannot shut down: `microvm ctl %s cont` resumes it, `microvm stop %s --force` ends it like a power cut"
                .formatted(name, name, name));
      }
      try {
        client.execute("system_powerdown");
        return "power button";
      } catch (QmpException noButton) {
        return askAgent() ? "guest agent" : null;
      }
    }
  }

  private boolean askAgent() {
    try (GuestAgent agent = GuestAgent.connect(machine.files().agent(), ANSWER)) {
      agent.ping();
      agent.shutdown(ShutdownMode.POWERDOWN);
      return true;
    } catch (IOException noAgent) {
      return false;
    }
  }

  /** Ends the machine by its control socket, or kills its process if it does not answer. */
  private void cut(String how, String message) throws IOException {
    try (QmpClient client = QmpClient.connect(machine.files().control(), ANSWER)) {
      client.execute("quit");
    } catch (IOException noAnswer) {
      // It may be ending already. If its process is stuck, it is killed below.
    }
    if (hasEnded(ANSWER)) {
      say(how, message);
      return;
    }
    long pid = machine.pid();
    // The process holds the machine's lock, so the number is still its own.
    ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    if (!hasEnded(ANSWER)) {
      throw new IOException("the process " + pid + " of " + name + " does not end");
    }
    say("killed", "the process of %s did not answer and was killed");
  }

  private boolean hasEnded(Duration limit) throws IOException {
    try {
      ended.get(limit.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      throw new IOException(e.getCause().getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  private void say(String how, String message) {
    String text = message.formatted(name);
    if (json) {
      JsonOutput.print(
          QmpClient.arguments().put("name", name).put("how", how).put("message", text));
    } else {
      System.out.println(text);
    }
  }
}
