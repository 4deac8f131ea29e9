package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.testing.ChildJvm;

/** The end of a process, with and without the JVM. */
@Timeout(30)
class CommandExitTest {
  private static final int STATUS = 7;
  private static final int BY_SIGTERM = 128 + 15;

  /** Ends by itself, or as soon as a signal has begun to end it. */
  static final class Program {
    private Program() {}

    public static void main(String[] args) throws Exception {
      CountDownLatch signal = new CountDownLatch(1);
      new Shutdown(
          () -> {
            signal.countDown();
            System.out.println("done");
          });
      System.out.println("ready");
      if (args[0].equals("signal")) {
        signal.await();
      }
      // Buffered, as a command's output is.
      CheckedOutput.install();
      System.out.print("rest");
      CommandExit.exit(STATUS);
    }
  }

  private static Process start(String exit, String argument) throws IOException {
    List<String> options = List.of("-Dmicrovm.exit=" + exit);
    return new ProcessBuilder(ChildJvm.command(options, Program.class, argument))
        .redirectErrorStream(true)
        .start();
  }

  @ParameterizedTest
  @ValueSource(strings = {"direct", "jvm"})
  void end_ofItself_doesWhatIsLeft(String exit) throws Exception {
    Process process = start(exit, "itself");
    try (BufferedReader output = process.inputReader()) {
      assertEquals("ready", output.readLine());
      assertEquals("restdone", output.readLine());
      assertNull(output.readLine());
    }
    assertEquals(STATUS, process.waitFor());
  }

  @Test
  void end_bySignal_hasTheStatusOfTheSignal() throws Exception {
    Process process = start("direct", "signal");
    try (BufferedReader output = process.inputReader()) {
      assertEquals("ready", output.readLine());
      process.destroy();
      assertEquals(BY_SIGTERM, process.waitFor());
    }
  }
}
