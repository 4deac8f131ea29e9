package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.microvm.devices.virtio.blk.BlkStatistics;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.virtioserial.SerialDevice;

/** A target that is replaced once: by the machine, when the guest arrives from another process. */
final class ForwardingTarget implements QmpTarget {
  private volatile QmpTarget target;

  ForwardingTarget(QmpTarget first) {
    target = first;
  }

  void set(QmpTarget next) {
    target = next;
  }

  @Override
  public Optional<String> name() {
    return target.name();
  }

  @Override
  public UUID uuid() {
    return target.uuid();
  }

  @Override
  public Optional<UUID> generation() {
    return target.generation();
  }

  @Override
  public Map<String, String> serialLines() {
    return target.serialLines();
  }

  @Override
  public boolean isAsQemu() {
    return target.isAsQemu();
  }

  @Override
  public RunState state() {
    return target.state();
  }

  @Override
  public void pause() throws IOException {
    target.pause();
  }

  @Override
  public void resume() throws IOException {
    target.resume();
  }

  @Override
  public void snapshot(Path directory, UnaryOperator<List<String>> options) throws IOException {
    target.snapshot(directory, options);
  }

  @Override
  public void snapshotDiff(Path directory, Path base, UnaryOperator<List<String>> options)
      throws IOException {
    target.snapshotDiff(directory, base, options);
  }

  @Override
  public void snapshotAndQuit(
      Path directory, Path base, UnaryOperator<List<String>> options, Runnable onSaved)
      throws IOException {
    target.snapshotAndQuit(directory, base, options, onSaved);
  }

  @Override
  public List<BlkStatistics> diskStatistics() {
    return target.diskStatistics();
  }

  @Override
  public void dumpMemory(Fd file) throws IOException {
    target.dumpMemory(file);
  }

  @Override
  public void migrate(MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws IOException {
    target.migrate(destination, limits, memory);
  }

  @Override
  public void migrateIncoming(MigrationAddress address) throws IOException {
    target.migrateIncoming(address);
  }

  @Override
  public Optional<Migration> migration() {
    return target.migration();
  }

  @Override
  public void reset() {
    target.reset();
  }

  @Override
  public boolean pressPowerButton() throws IOException {
    return target.pressPowerButton();
  }

  @Override
  public void quit() {
    target.quit();
  }

  @Override
  public GuestAccess access() {
    return target.access();
  }

  @Override
  public SerialDevice channels() {
    return target.channels();
  }

  @Override
  public EventLoop eventLoop() {
    return target.eventLoop();
  }

  @Override
  public MachineFacts facts() {
    return target.facts();
  }

  @Override
  public List<Integer> vcpuThreads() {
    return target.vcpuThreads();
  }

  @Override
  public JsonNode statistics() {
    return target.statistics();
  }
}
