package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.microvm.qmp.QmpTarget.RunState;

/** The commands that control the machine as a whole. */
final class MachineCommands {
  private final QmpTarget target;
  private final ChannelRegistry registry;
  private final Runnable tellEnd;
  private final Runnable tellPowerDown;

  /**
   * Completes when no snapshot is being written for a client; used on the control socket's loop.
   */
  private CompletableFuture<Void> saved = CompletableFuture.completedFuture(null);

  /**
   * @param tellEnd sends the event that a client has ended the machine
   * @param tellPowerDown sends the event that the power button was pressed
   */
  MachineCommands(
      QmpTarget target, ChannelRegistry registry, Runnable tellEnd, Runnable tellPowerDown) {
    this.tellPowerDown = tellPowerDown;
    this.target = target;
    this.registry = registry;
    this.tellEnd = tellEnd;
  }

  void addTo(QmpCommands commands, CommandThreads threads) {
    commands.add("query-name", this::queryName);
    commands.add("query-uuid", this::queryUuid);
    commands.add("query-status", this::queryStatus);
    commands.addSlow("stop", arguments -> changeRun(arguments, threads, target::pause));
    commands.addSlow("cont", arguments -> changeRun(arguments, threads, target::resume));
    commands.addSlow("quit", arguments -> quit(arguments, threads));
    commands.addSlow("system_reset", arguments -> reset(arguments, threads));
    commands.add("system_powerdown", this::powerDown);
    commands.addSlow("x-exit-stats", arguments -> exitStatistics(arguments, threads));
    commands.addSlow("x-snapshot", arguments -> snapshot(arguments, threads));
  }

  /**
   * Returns a future that completes when no snapshot is being written: until then ports stay as the
   * options that are saved with it say.
   */
  CompletableFuture<Void> saved() {
    return saved.copy();
  }

  private JsonNode queryName(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ObjectNode result = JsonNodeFactory.instance.objectNode();
    target.name().ifPresent(name -> result.put("name", name));
    return result;
  }

  private JsonNode queryUuid(QmpArguments arguments) throws QmpException {
    arguments.finish();
    return JsonNodeFactory.instance.objectNode().put("UUID", target.uuid().toString());
  }

  private JsonNode queryStatus(QmpArguments arguments) throws QmpException {
    arguments.finish();
    RunState state = target.state();
    ObjectNode result = JsonNodeFactory.instance.objectNode();
    result.put("status", state.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    result.put("singlestep", false);
    result.put("running", state == RunState.RUNNING);
    return result;
  }

  /** Pauses or resumes the guest. */
  private interface Change {
    void make() throws IOException;
  }

  private static CompletableFuture<JsonNode> changeRun(
      QmpArguments arguments, CommandThreads threads, Change change) throws QmpException {
    arguments.finish();
    return threads.begin(
        () -> {
          try {
            change.make();
          } catch (IOException e) {
            throw QmpException.generic("%s", e.getMessage());
          }
        });
  }

  /** The machine also reports its end, with another reason; only the first event is sent. */
  private CompletableFuture<JsonNode> quit(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    arguments.finish();
    return threads.begin(
        () -> {
          // Within the work, whose answer a server that closes now waits for.
          tellEnd.run();
          target.quit();
        });
  }

  private CompletableFuture<JsonNode> reset(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    arguments.finish();
    if (target.state() == RunState.SHUTDOWN) {
      throw QmpException.generic("the guest has ended");
    }
    return threads.begin(target::reset);
  }

  private JsonNode powerDown(QmpArguments arguments) throws QmpException {
    arguments.finish();
    if (target.state() == RunState.SHUTDOWN) {
      throw QmpException.generic("the guest has ended");
    }
    if (pressPowerButton()) {
      return null;
    }
    if (target.isAsQemu()) {
      // A client made for QEMU waits some time for the guest's end, and then ends the machine.
      tellPowerDown.run();
    } else {
      throw QmpException.generic(
          "this guest has no power button, because it does not use ACPI; shut it down through its"
              + " guest agent: microvm agent --socket PATH shutdown");
    }
    return null;
  }

  private boolean pressPowerButton() throws QmpException {
    try {
      return target.pressPowerButton();
    } catch (IOException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
  }

  /** Replies once the snapshot is complete. */
  private CompletableFuture<JsonNode> snapshot(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    String directory = arguments.text("directory");
    Optional<String> base = arguments.optionalText("base");
    boolean end = arguments.optionalFlag("end").orElse(false);
    arguments.finish();
    UnaryOperator<List<String>> options = registry.current();
    CompletableFuture<JsonNode> answer =
        threads.begin(() -> snapshot(directory, base.orElse(null), options, end));
    saved = CompletableFuture.allOf(saved, answer.handle((_, _) -> null));
    return answer;
  }

  private void snapshot(
      String directory, String base, UnaryOperator<List<String>> options, boolean end)
      throws QmpException {
    try {
      Path to = Path.of(directory);
      Path from = base == null ? null : Path.of(base);
      if (end) {
        target.snapshotAndQuit(to, from, options, tellEnd);
      } else if (from == null) {
        target.snapshot(to, options);
      } else {
        target.snapshotDiff(to, from, options);
      }
    } catch (InvalidPathException | IOException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
  }

  private CompletableFuture<JsonNode> exitStatistics(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    arguments.finish();
    return threads.begin(target::statistics);
  }
}
