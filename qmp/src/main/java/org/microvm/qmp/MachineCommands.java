package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.microvm.qmp.QmpTarget.RunState;

/** The commands that control the machine as a whole. */
final class MachineCommands {
  private final QmpTarget target;
  private final ChannelRegistry registry;
  private final Runnable tellEnd;
  private final Runnable tellPowerDown;

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

  void addTo(QmpCommands commands) {
    commands.add("query-name", this::queryName);
    commands.add("query-uuid", this::queryUuid);
    commands.add("query-status", this::queryStatus);
    commands.add("stop", this::stop);
    commands.add("cont", this::cont);
    commands.add("quit", this::quit);
    commands.add("system_reset", this::reset);
    commands.add("system_powerdown", this::powerDown);
    commands.add("x-exit-stats", this::exitStatistics);
    commands.add("x-snapshot", this::snapshot);
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

  private JsonNode stop(QmpArguments arguments) throws QmpException {
    arguments.finish();
    try {
      target.pause();
    } catch (IOException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
    return null;
  }

  private JsonNode cont(QmpArguments arguments) throws QmpException {
    arguments.finish();
    try {
      target.resume();
    } catch (IOException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
    return null;
  }

  private JsonNode quit(QmpArguments arguments) throws QmpException {
    arguments.finish();
    end();
    return null;
  }

  /** The machine also reports its end, with another reason; only the first event is sent. */
  private void end() {
    tellEnd.run();
    target.quit();
  }

  private JsonNode reset(QmpArguments arguments) throws QmpException {
    arguments.finish();
    if (target.state() == RunState.SHUTDOWN) {
      throw QmpException.generic("the guest has ended");
    }
    target.reset();
    return null;
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
  private JsonNode snapshot(QmpArguments arguments) throws QmpException {
    String directory = arguments.text("directory");
    Optional<String> base = arguments.optionalText("base");
    boolean end = arguments.optionalFlag("end").orElse(false);
    arguments.finish();
    if (end) {
      saveAndEnd(directory, base);
    } else {
      save(directory, base);
    }
    return null;
  }

  private void saveAndEnd(String directory, Optional<String> base) throws QmpException {
    try {
      target.snapshotAndQuit(
          Path.of(directory), base.map(Path::of).orElse(null), registry::current, tellEnd);
    } catch (InvalidPathException | IOException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
  }

  private void save(String directory, Optional<String> base) throws QmpException {
    try {
      if (base.isPresent()) {
        target.snapshotDiff(Path.of(directory), Path.of(base.get()), registry::current);
      } else {
        target.snapshot(Path.of(directory), registry::current);
      }
    } catch (InvalidPathException | IOException e) {
      throw QmpException.generic("%s", e.getMessage());
    }
  }

  private JsonNode exitStatistics(QmpArguments arguments) throws QmpException {
    arguments.finish();
    return target.statistics();
  }
}
