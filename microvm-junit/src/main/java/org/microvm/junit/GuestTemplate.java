package org.microvm.junit;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.microvm.machine.GuestPool;
import org.microvm.machine.PoolLimits;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.snapshot.Snapshot;

/**
 * A snapshot of a booted guest, from which the guests of tests are restored. Each test gets a
 * freshly booted guest in a fraction of the boot time. Restored guests may run at the same time.
 */
final class GuestTemplate implements AutoCloseable {
  private final GuestBoot boot;
  private final RunningGuest files;
  private final Snapshot snapshot;

  /** Guests that are restored already; empty if each is restored when it is needed. */
  private final Optional<GuestPool<RunningGuest>> pool;

  private GuestTemplate(GuestBoot boot, RunningGuest files, Snapshot snapshot) {
    this.boot = boot;
    this.files = files;
    this.snapshot = snapshot;
    pool =
        boot.pool() == 0
            ? Optional.empty()
            : Optional.of(
                new GuestPool<>(
                    () -> boot.restore(snapshot),
                    PoolLimits.ofGuests(boot.pool(), Integer.MAX_VALUE)));
  }

  /** Boots a guest and saves its snapshot. */
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
    } catch (IOException | RuntimeException | Error e) {
      files.close();
      throw e;
    } catch (InterruptedException e) {
      files.close();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the guest was being saved");
    }
  }

  /** Restores another guest from the snapshot, or takes one that is restored already. */
  RunningGuest restore() throws IOException {
    return pool.isPresent() ? take(pool.get()) : boot.restore(snapshot);
  }

  private static RunningGuest take(GuestPool<RunningGuest> pool) throws IOException {
    try {
      RunningGuest guest = pool.take();
      // A test does not wait until the guest of the test before is closed.
      guest.closeBy(pool::discard);
      return guest;
    } catch (MachineException e) {
      throw new IOException(e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a guest was being restored");
    }
  }

  @Override
  public void close() {
    pool.ifPresent(GuestPool::close);
    files.close();
  }
}
