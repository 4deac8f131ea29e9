package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.concurrent.Callable;
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
  private PowerCut end;

  @Override
  public Integer call() throws IOException {
    if (timeout < 0) {
      throw new UsageException("--timeout must be at least 0 seconds, not " + timeout);
    }
    machine = Machines.ofUser().find(NamedRun.name("stop", name));
    end = new PowerCut(machine);
    if (!Files.exists(machine.files().control()) && !machine.served()) {
      // It waits for a client, or for a guest that migrates here.
      ProcessHandle.of(machine.pid()).ifPresent(ProcessHandle::destroy);
      if (end.hasEnded(PowerCut.ANSWER)) {
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
    } else if (how != null && end.hasEnded(Duration.ofSeconds(timeout))) {
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

  /** Asks the guest to shut down; returns how, or null if there is no way. */
  private String shutDown() throws IOException {
    try (QmpClient client = QmpClient.connect(machine.files().control(), PowerCut.ANSWER)) {
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
    try (GuestAgent agent = GuestAgent.connect(machine.files().agent(), PowerCut.ANSWER)) {
      agent.ping();
      agent.shutdown(ShutdownMode.POWERDOWN);
      return true;
    } catch (IOException noAgent) {
      return false;
    }
  }

  private void cut(String how, String message) throws IOException {
    if (end.cut()) {
      say("killed", "the process of %s did not answer and was killed");
    } else {
      say(how, message);
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
