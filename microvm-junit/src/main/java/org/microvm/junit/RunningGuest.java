package org.microvm.junit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.microvm.machine.Machine;

/**
 * A guest's resources: its machine and its directory. The directory may exist without a machine.
 * JUnit closes this object together with the store that holds it; if the JVM ends first, a shutdown
 * hook closes it.
 */
final class RunningGuest implements AutoCloseable {
  private final Path directory;
  private final Thread hook;
  private Machine machine;
  private GuestVm vm;
  private boolean closed;

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

  /** Returns the guest's interface for tests. */
  synchronized GuestVm vm() {
    return vm;
  }

  @Override
  public void close() {
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
