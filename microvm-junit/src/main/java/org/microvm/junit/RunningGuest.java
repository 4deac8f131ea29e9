package org.microvm.junit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.microvm.machine.GuestPool;
import org.microvm.machine.Machine;

/**
 * A guest's resources: its machine and its directory. The directory may exist without a machine.
 * JUnit closes this object together with the store that holds it; if the JVM ends first, a shutdown
 * hook closes it.
 */
final class RunningGuest implements GuestPool.Guest {
  private final Path directory;
  private final Thread hook;
  private Machine machine;
  private GuestVm vm;
  private boolean closed;

  /** Closes this guest in the background; null if there is none. */
  private Consumer<RunningGuest> background;

  RunningGuest(Path directory) {
    this.directory = directory;
    hook = Thread.ofPlatform().name("microvm-cleanup").unstarted(this::release);
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Registers the machine, which is closed together with the guest. */
  synchronized void owns(Machine itsMachine) {
    machine = itsMachine;
    if (closed) {
      machine.close();
    }
  }

  /** Records that the guest can be used. */
  synchronized void ready(GuestVm usable) {
    vm = usable;
  }

  /**
   * Makes the next {@link #close} leave the work to another thread.
   *
   * @param closer calls {@link #close} again, on that thread
   */
  synchronized void closeBy(Consumer<RunningGuest> closer) {
    background = closer;
  }

  private synchronized Consumer<RunningGuest> takeBackground() {
    Consumer<RunningGuest> closer = background;
    background = null;
    return closer;
  }

  @Override
  public synchronized Machine machine() {
    return machine;
  }

  /** Returns the guest's interface for tests. */
  synchronized GuestVm vm() {
    return vm;
  }

  @Override
  public void close() {
    Consumer<RunningGuest> closer = takeBackground();
    if (closer != null) {
      closer.accept(this);
      return;
    }
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is ending: the hook runs, or has run.
    }
    release();
  }

  private synchronized void release() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      if (machine != null) {
        machine.close();
      }
    } finally {
      deleteDirectory();
    }
  }

  private void deleteDirectory() {
    try (Stream<Path> files = Files.walk(directory)) {
      List<Path> deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
      for (Path file : deepestFirst) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot delete " + directory + ": " + e.getMessage(), e);
    }
  }
}
