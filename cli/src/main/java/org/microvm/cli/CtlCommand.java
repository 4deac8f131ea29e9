package org.microvm.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.qmp.JsonText;
import org.microvm.qmp.QmpClient;
import org.microvm.qmp.QmpException;
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
      arity = "1..3",
      paramLabel = "[NAME] COMMAND [JSON]",
      hideParamSyntax = true,
      description =
          "the machine's name, unless --qmp is given; a QMP command, such as query-status, stop, cont"
              + " or quit; its arguments, an object such as '{\"id\": \"c1\"}'")
  private List<String> words;

  @Override
  public Integer call() throws Exception {
    List<String> request = control.select(words, 1, "COMMAND", "JSON");
    String command = request.getFirst();
    ObjectNode arguments = request.size() < 2 ? QmpClient.arguments() : object(request.get(1));
    boolean sent = false;
    try (Interruption interruption = new Interruption()) {
      try (QmpClient client = control.connect()) {
        sent = true;
        JsonNode result = execute(client, command, arguments);
        GuestText.printLines(JsonText.pretty(result));
        return 0;
      } catch (InterruptedIOException e) {
        interruption.handled();
        System.err.println(
            "microvm: interrupted: "
                + (sent ? "the machine still executes " + command : ControlClient.NOTHING_SENT));
        return interruption.status();
      }
    }
  }

  private static JsonNode execute(QmpClient client, String command, ObjectNode arguments)
      throws IOException {
    try {
      return client.execute(command, arguments);
    } catch (QmpException e) {
      throw CtlHints.with(client, command, e);
    }
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
