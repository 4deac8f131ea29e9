package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.qmp.QmpClient;
import org.microvm.testing.RequiresKvm;

/** The file of {@code --exit-stats}. */
@RequiresKvm
@Timeout(120)
class ExitStatsFileTest {
  @TempDir private Path directory;

  @Test
  void fullDisk_makesTheStatusOfAnOrderlyEndAFailure() throws Exception {
    try (MachineProcess machine =
        MachineProcess.start(directory, "a", "--exit-stats", "/dev/full")) {
      try (QmpClient client = machine.qmp()) {
        client.execute("quit");
      }

      assertEquals(Main.FAILED, machine.status());
      assertTrue(
          machine.output().contains("microvm: --exit-stats /dev/full: No space left on device"));
    }
  }
}
