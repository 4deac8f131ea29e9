package org.microvm.machine.save;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.microvm.devices.state.StateWriter;
import org.microvm.linux.Fd;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.memory.MemoryFile;
import org.microvm.machine.snapshot.PageRuns;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.machine.snapshot.SnapshotBase;
import org.microvm.machine.vm.MachineParts;
import org.microvm.machine.vm.VmInstance;

/** Saves a guest whose vCPUs and devices are stopped. */
public final class SnapshotWriter {
  private final MachineConfig config;
  private final MachineParts parts;
  private final VmInstance instance;
  private final List<String> options;

  /**
   * @param instance the VM of the guest
   * @param options the command-line options to keep in the snapshot
   */
  public SnapshotWriter(
      MachineConfig config, MachineParts parts, VmInstance instance, List<String> options) {
    this.config = config;
    this.parts = parts;
    this.instance = instance;
    this.options = options;
  }

  /** Writes a full snapshot; RAM is written on another thread while this one saves the state. */
  public void writeFull(SnapshotFiles files, Snapshot.Identity identity) throws IOException {
    StateWriter writer = devices();
    FutureTask<Void> memory =
        new FutureTask<>(
            () -> {
              MemoryFile.write(parts.board().ram(), files.memory());
              return null;
            });
    Thread.ofPlatform().name("snapshot-memory").start(memory);
    try {
      addKvm(writer, identity);
    } finally {
      await(memory);
    }
    files.complete(writer::writeTo);
  }

  /**
   * Waits for RAM to be written: until then the guest must not run, and the file must stay open.
   */
  private static void await(FutureTask<Void> task) throws IOException {
    boolean interrupted = false;
    try {
      for (; ; ) {
        try {
          task.get();
          return;
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          switch (e.getCause()) {
            case IOException failure -> throw failure;
            case RuntimeException failure -> throw failure;
            default -> throw new IllegalStateException(e.getCause());
          }
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Writes a diff snapshot, with the pages that were written since its base. */
  public void writeDiff(
      SnapshotFiles files,
      Snapshot.Identity identity,
      DirtyTracker written,
      Path basePath,
      Snapshot base)
      throws IOException {
    StateWriter writer = devices();
    written.collect();
    PageRuns runs = new PageRuns();
    written.visit((region, from, to) -> runs.append(region.fileOffset() + from, to - from));
    new SnapshotBase(
            base.identity().id(),
            base.identity().checksum(),
            SnapshotBase.way(files.directory(), basePath),
            runs)
        .write(writer);
    Fd file = files.memory();
    written.visit((region, from, to) -> MemoryFile.writeRun(file, region, from, to));
    addKvm(writer, identity);
    files.complete(writer::writeTo);
  }

  /** Saves the devices. This comes first, because they may complete requests that write to RAM. */
  private StateWriter devices() throws IOException {
    if (instance.ended()) {
      throw new IOException("the guest has ended or was reset");
    }
    StateWriter writer = new StateWriter();
    parts.board().save(writer);
    return writer;
  }

  private void addKvm(StateWriter writer, Snapshot.Identity identity) throws IOException {
    instance.save(writer, parts);
    Snapshot.describe(config, options, identity, writer);
    writer.checkSize();
  }
}
