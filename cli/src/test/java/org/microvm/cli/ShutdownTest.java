package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.testing.ChildJvm;

/** A signal while a process makes what has to be removed at its end. */
@Timeout(30)
class ShutdownTest {
  private static final int BY_SIGTERM = 128 + 15;

  /** Makes one thing during a signal, and would make a second one. */
  static final class Program {
    private static boolean made;

    private Program() {}

    public static void main(String[] args) throws Exception {
      Shutdown shutdown = new Shutdown(() -> System.out.println("undone: " + made));
      shutdown.during(
          () -> {
            System.out.println("ready");
            while (!shutdown.hasBegun()) {
              Thread.onSpinWait();
            }
            made = true;
          });
      System.out.println("went on");
    }
  }

  @Test
  void signal_duringAStep_undoesWhatTheStepHasMade() throws Exception {
    Process process =
        new ProcessBuilder(ChildJvm.command(Program.class)).redirectErrorStream(true).start();
    BufferedReader output = process.inputReader();
    assertEquals("ready", output.readLine());

    process.toHandle().destroy();

    assertEquals(List.of("undone: true"), output.lines().toList());
    assertEquals(BY_SIGTERM, process.waitFor());
  }
}
