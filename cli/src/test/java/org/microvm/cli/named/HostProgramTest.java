package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Why a program of the host was not started, from what JDK 25 says. */
class HostProgramTest {
  private static final String GUESSES =
      """
       \nPossible reasons:
        - Spawn helper ran into JDK version mismatch
        - Spawn helper ran into unexpected internal error
      Possible solutions:
        - Restart JVM, especially after in-place JDK updates
      """;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          error=2, No such file or directory | No such file or directory
          Exec failed, error: 13 (Permission denied) | Permission denied
          Bad file descriptor, error: 24 (Too many open files) | Too many open files
          Failed to exec spawn helper: pid: 5, exit code: 127, error: 0 (none) | the JVM's jspawnhelper ended with status 127; is a limit of this process too low (ulimit)?
          """)
  void reason_isShort(String text, String reason) {
    assertEquals(reason, HostProgram.reason(text));
    assertEquals(reason, HostProgram.reason(text + GUESSES));
  }

  @Test
  void programThatIsMissing_isNamed() {
    IOException missing =
        assertThrows(
            IOException.class, () -> HostProgram.start(new ProcessBuilder("no-such-program")));

    assertEquals("cannot run 'no-such-program': No such file or directory", missing.getMessage());
  }
}
