package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.virtioserial.SerialDevice;

/**
 * The target of a control socket while its guest is still in another process: it has a
 * configuration, but no machine yet. {@link QmpServer#arrived} replaces it.
 */
public abstract class AwaitedGuest implements QmpTarget {
  /**
   * The commands that need the guest and its devices; the server refuses them until the guest
   * arrives.
   */
  private static final Set<String> NEED_GUEST =
      Set.of(
          "chardev-add",
          "chardev-change",
          "chardev-remove",
          "device_add",
          "device_del",
          "calc-dirty-rate",
          "dump-guest-memory",
          "inject-nmi",
          "memsave",
          "migrate",
          "pmemsave",
          "query-stats-schemas",
          "set-action",
          "system_powerdown",
          "system_reset",
          "x-exit-stats",
          "x-query-ports",
          "x-snapshot");

  private final MachineFacts facts;
  private final Optional<String> name;
  private final UUID uuid;

  /**
   * Creates a target.
   *
   * @param facts what the machine will consist of
   * @param name the machine's name, or null if it has none
   * @param uuid the machine's UUID; zeros if it has none
   */
  protected AwaitedGuest(MachineFacts facts, String name, UUID uuid) {
    this.facts = facts;
    this.name = Optional.ofNullable(name);
    this.uuid = uuid;
  }

  /** Whether a command can be served without a machine. */
  static boolean serves(String command) {
    return !NEED_GUEST.contains(command);
  }

  /** The error for a command that needs the guest. */
  static IOException absent() {
    return new IOException("the guest has not arrived yet");
  }

  @Override
  public final Optional<String> name() {
    return name;
  }

  @Override
  public final UUID uuid() {
    return uuid;
  }

  @Override
  public final RunState state() {
    return RunState.INMIGRATE;
  }

  @Override
  public final void snapshot(Path directory, UnaryOperator<List<String>> options)
      throws IOException {
    throw absent();
  }

  @Override
  public final void snapshotDiff(Path directory, Path base, UnaryOperator<List<String>> options)
      throws IOException {
    throw absent();
  }

  @Override
  public final void snapshotAndQuit(
      Path directory, Path base, UnaryOperator<List<String>> options, Runnable onSaved)
      throws IOException {
    throw absent();
  }

  @Override
  public void dumpMemory(Fd file) throws IOException {
    throw absent();
  }

  @Override
  public final void migrate(
      MigrationAddress destination, MigrationLimits limits, MigrationMemory memory)
      throws IOException {
    throw absent();
  }

  @Override
  public final Optional<Migration> migration() {
    return Optional.empty();
  }

  @Override
  public final void reset() {}

  @Override
  public final boolean pressPowerButton() {
    return false;
  }

  @Override
  public final GuestAccess access() {
    throw new IllegalStateException(absent());
  }

  @Override
  public final SerialDevice channels() {
    throw new IllegalStateException(absent());
  }

  @Override
  public final EventLoop eventLoop() {
    throw new IllegalStateException(absent());
  }

  @Override
  public final MachineFacts facts() {
    return facts;
  }

  @Override
  public final List<Integer> vcpuThreads() {
    int process = Math.toIntExact(ProcessHandle.current().pid());
    return Collections.nCopies(facts.topology().cpus(), process);
  }

  @Override
  public final JsonNode statistics() {
    return JsonNodeFactory.instance.objectNode();
  }
}
