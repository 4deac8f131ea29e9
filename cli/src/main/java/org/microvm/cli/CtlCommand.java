package org.microvm.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.concurrent.Callable;
import org.microvm.qmp.QmpClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code microvm ctl}: sends any command to the control socket. */
@Command(
    name = "ctl",
    description = "Sends a QMP command to a running machine and prints the result as JSON.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class CtlCommand implements Callable<Integer> {
  @Mixin private ControlClient control;

  @Parameters(
      index = "0",
      paramLabel = "COMMAND",
      description = "QMP command, such as query-status, stop, cont or quit")
  private String command;

  @Parameters(
      index = "1",
      paramLabel = "JSON",
      arity = "0..1",
      description = "arguments of the command, an object such as '{\"id\": \"c1\"}'")
  private String json;

  @Override
  public Integer call() throws Exception {
    ObjectNode arguments = json == null ? QmpClient.arguments() : object(json);
    try (QmpClient client = control.connect()) {
      JsonNode result = client.execute(command, arguments);
      GuestText.printLines(
          new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(result));
    }
    return 0;
  }

  private static ObjectNode object(String json) {
    try {
      if (new ObjectMapper().readTree(json) instanceof ObjectNode object) {
        return object;
      }
      throw new UsageException("the arguments must be a JSON object, such as '{}'");
    } catch (JsonProcessingException e) {
      throw new UsageException("the arguments are not JSON: " + e.getOriginalMessage());
    }
  }
}
