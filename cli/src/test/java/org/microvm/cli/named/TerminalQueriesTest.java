package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TerminalQueriesTest {
  private static final String ESCAPE = "\033";

  private static String without(String... pieces) {
    TerminalQueries queries = new TerminalQueries();
    StringBuilder shown = new StringBuilder();
    for (String piece : pieces) {
      byte[] bytes = piece.getBytes(StandardCharsets.ISO_8859_1);
      shown.append(new String(queries.without(bytes), StandardCharsets.ISO_8859_1));
    }
    return shown.toString();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[6n",
        "[c",
        "Z",
        "[14t",
        "[18;2t",
        "[19;;3t",
        "[?25$p",
        "]11;?\007",
        "P$qm\033\\"
      })
  void query_inAnyTwoPieces_isRemoved(String query) {
    String all = "before" + ESCAPE + query + "after";
    for (int i = 0; i <= all.length(); i++) {
      assertEquals("beforeafter", without(all.substring(0, i), all.substring(i)));
    }
  }

  /** A guest may send any number of anything, which is no query then. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "[11;|;",
        "[|0;",
        "[?|;",
        "[11|1;",
        "]1;|;",
        "]|1",
        "P$q|;",
        "[14;|0;",
        "|\033[1;"
      })
  void repetition_ofAnyLength_isShown(String startAndRepeated) {
    String[] parts = startAndRepeated.split("[|]", 2);
    String all = ESCAPE + parts[0] + parts[1].repeat(100_000) + "after";

    assertEquals(all, without(all));
  }
}
