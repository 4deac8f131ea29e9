package org.microvm.cli.faults;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.machine.Machine;
import org.microvm.machine.config.GuestSample;
import org.microvm.machine.config.MachineException;

/** Describes a machine one of whose channels has lost a line. */
final class MachineReport {
  private static final String DIRECTORY = System.getProperty("microvm.faults.keep", "");

  private MachineReport() {}

  /**
   * Returns the counters and where the vCPU is. With {@code -Dmicrovm.faults.keep=DIRECTORY} it
   * also saves the machine there, whose rings and interrupt controllers can then be read.
   */
  static String of(Machine machine) {
    StringBuilder report = new StringBuilder(machine.statistics().toString());
    try {
      CompletableFuture<GuestSample> sample = new CompletableFuture<>();
      machine.sample(sample::complete);
      GuestSample taken = sample.get(1, TimeUnit.SECONDS);
      report.append(" at level %d, 0x%x".formatted(taken.privilegeLevel(), taken.addresses()[0]));
      if (!DIRECTORY.isEmpty()) {
        Path kept = Files.createTempDirectory(Path.of(DIRECTORY), "machine").resolve("snapshot");
        machine.snapshot(kept);
        report.append(" saved in ").append(kept);
      }
    } catch (TimeoutException e) {
      report.append(" whose vCPU does not answer");
    } catch (MachineException | java.io.IOException | java.util.concurrent.ExecutionException e) {
      report.append(' ').append(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return report.toString();
  }
}
