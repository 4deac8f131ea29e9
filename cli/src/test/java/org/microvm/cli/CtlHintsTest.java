package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.qmp.QmpException;

class CtlHintsTest {
  private static final String SCHEMA =
      """
      [{"name": "query-stats", "meta-type": "command", "arg-type": "0"},
       {"name": "query-status", "meta-type": "command", "arg-type": "0"},
       {"name": "device_add", "meta-type": "command", "arg-type": "1"},
       {"name": "STOP", "meta-type": "event", "arg-type": "0"},
       {"name": "0", "meta-type": "object", "members": []},
       {"name": "1", "meta-type": "object", "members": [
         {"name": "driver", "type": "str"},
         {"name": "backend", "type": "2"},
         {"name": "kind", "type": "3"}]},
       {"name": "2", "meta-type": "object", "members": [
         {"name": "addr", "type": "str"},
         {"name": "type", "type": "3"}]},
       {"name": "3", "meta-type": "enum", "values": ["socket", "file"]}]
      """;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          query-statu | CommandNotFound | not found | ; did you mean query-status?
          STPO | CommandNotFound | not found | ''
          device_add | GenericError | Parameter 'drivr' is unexpected | ; did you mean driver?
          device_add | GenericError | Parameter 'backend.adr' is unexpected | ; did you mean addr?
          device_add | GenericError | Parameter 'kind' does not accept value 'sockt' | ; did you mean socket?
          device_add | GenericError | Parameter 'type' does not accept value 'fiel' | ; did you mean file?
          device_add | GenericError | Parameter 'weather' is unexpected | ''
          no-such | GenericError | Parameter 'a' is unexpected | ''
          device_add | GenericError | Duplicate device ID | ''
          """)
  void nearestWord_isAskedFor(String command, String kind, String message, String hint)
      throws Exception {
    CtlHints hints = new CtlHints(new ObjectMapper().readTree(SCHEMA));

    assertEquals(hint, hints.hint(command, new QmpException(kind, message)));
  }
}
