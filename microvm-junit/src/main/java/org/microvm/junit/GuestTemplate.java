package org.microvm.junit;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;

/**
 * A guest that has booted once and was saved, for others to go on from there: each test has a guest
 * as it was after its boot, in a fraction of the time. They run at the same time if tests do.
 */
final class GuestTemplate implements AutoCloseable {
  private final GuestBoot boot;
  private final RunningGuest files;
  private final Snapshot snapshot;

  private GuestTemplate(GuestBoot boot, RunningGuest files, Snapshot snapshot) {
    this.boot = boot;
    this.files = files;
    this.snapshot = snapshot;
  }

  /** Boots a guest and saves it. */
  static GuestTemplate make(GuestBoot boot) throws IOException {
    Path directory = Files.createTempDirectory("microvm-snapshot-");
    RunningGuest files = new RunningGuest(directory);
    try (RunningGuest first = boot.boot()) {
      first.vm().agent().close();
      first.vm().machine().snapshot(directory);
      return new GuestTemplate(boot, files, Snapshot.open(directory));
    } catch (MachineException e) {
      files.close();
      throw new IOException(e.getMessage(), e);
    } catch (IOException | RuntimeException e) {
      files.close();
      throw e;
    } catch (InterruptedException e) {
      files.close();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the guest was saved");
    }
  }

  /** Another guest like it. */
  RunningGuest restore() throws IOException {
    return boot.restore(snapshot);
  }

  @Override
  public void close() {
    files.close();
  }
}
