package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.microvm.machine.SerialEcho.assertEchoes;

import java.io.UncheckedIOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.migration.Migration;
import org.microvm.machine.migration.MigrationMemory;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.backend.NullBackend;

/** What happens to a guest that is paused or resumed while it is saved or handed over. */
@RequiresKvm
@Timeout(60)
class StandstillTest extends MigrationFixture {
  @TempDir private Path files;

  /** The calls to the listeners of a machine, in order. */
  private static List<String> changes(Machine machine) {
    List<String> changes = new CopyOnWriteArrayList<>();
    machine.addListener(
        new MachineListener() {
          @Override
          public void paused() {
            changes.add("paused");
          }

          @Override
          public void resumed() {
            changes.add("resumed");
          }
        });
    return changes;
  }

  private <T> T elsewhere(Callable<T> action) {
    try {
      return threads.submit(action).get(30, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void pauseDuringASnapshot_lasts() throws Exception {
    Machine machine = start("");
    try (SocketChannel host = connect()) {
      assertEchoes(host, 1000);
      List<String> changes = changes(machine);

      machine.snapshot(
          files.resolve("snapshot"),
          options -> {
            assertTrue(elsewhere(machine::pause));
            return options;
          });

      assertTrue(machine.isPaused());
      assertEquals(List.of("paused"), changes);
      machine.resume();
      assertEchoes(host, 1000);
      assertEquals(List.of("paused", "resumed"), changes);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void resumeDuringASnapshot_runsTheGuestAfterIt(boolean pausedBefore) throws Exception {
    Machine machine = start("");
    try (SocketChannel host = connect()) {
      assertEchoes(host, 1000);
      List<String> changes = changes(machine);
      if (pausedBefore) {
        machine.pause();
      }

      machine.snapshot(
          files.resolve("snapshot"),
          options -> {
            machine.resume();
            assertTrue(machine.isPaused());
            return options;
          });

      assertFalse(machine.isPaused());
      assertEchoes(host, 1000);
      assertEquals(List.of("paused", "resumed"), changes);
    }
  }

  /** Acts as the destination up to the state; returns whether the guest is to be paused there. */
  private static boolean readState(MigrationStream stream) throws Exception {
    Frame frame = stream.read();
    assertEquals(Type.HELLO, frame.type());
    stream.write(Type.OK, MigrationStream.TAKES_MEMORY, new byte[0], List.of());
    while (frame.type() != Type.STATE) {
      frame = stream.read();
      frame.close();
    }
    return frame.argument() != 0;
  }

  /** Acts as a destination that has loaded the state, until it receives GO. */
  private static void takeGuest(MigrationStream stream) throws Exception {
    stream.write(Type.READY);
    assertEquals(Type.GO, stream.read().type());
  }

  @Test
  void resumeDuringAHandover_runsTheGuestInOneProcess() throws Exception {
    Machine machine = start("");
    try (SocketChannel host = connect();
        UnixListener listener = destination()) {
      assertEchoes(host, 1000);
      Migration migration = migrate(machine, MigrationMemory.AUTO);
      Future<Boolean> paused;
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        assertFalse(readState(stream));

        machine.resume();

        assertTrue(machine.isPaused());
        takeGuest(stream);
        machine.resume();
        assertTrue(machine.isPaused());
        paused = threads.submit(machine::pause);
        stream.write(Type.RUNNING);
      }
      assertFalse(paused.get(30, TimeUnit.SECONDS));
      assertEquals(Status.COMPLETED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertEquals(new MachineEnd.Migrated(), machine.end().get(30, TimeUnit.SECONDS));
    }
  }

  /** The state that was sent to the destination has the opposite. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void changeDuringAHandover_keepsTheGuestHere(boolean pausedBefore) throws Exception {
    Machine machine = start("");
    try (SocketChannel host = connect();
        UnixListener listener = destination()) {
      assertEchoes(host, 1000);
      if (pausedBefore) {
        machine.pause();
      }
      Migration migration = migrate(machine, MigrationMemory.AUTO);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        assertEquals(pausedBefore, readState(stream));
        if (pausedBefore) {
          machine.resume();
        } else {
          assertTrue(machine.pause());
        }
        stream.write(Type.READY);
        assertEquals(Type.ABORT, stream.read().type());
      }

      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertTrue(migration.failure().contains("paused or resumed"), migration.failure());
      assertEquals(!pausedBefore, machine.isPaused());
      machine.resume();
      assertStillHere(machine, host);
    }
  }

  private Future<PortInfo> addPort(Machine machine) {
    return threads.submit(
        () -> machine.channels().addPort(PortConfig.named("late"), NullBackend.open()));
  }

  /** Otherwise its messages would be in the memory of a guest that runs in another process. */
  @Test
  void portAddedDuringAHandover_isRefusedBecauseTheGuestHasLeft() throws Exception {
    Machine machine = start("");
    try (UnixListener listener = destination()) {
      Migration migration = migrate(machine, MigrationMemory.AUTO);
      Future<PortInfo> added;
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        readState(stream);
        added = addPort(machine);
        takeGuest(stream);
        stream.write(Type.RUNNING);
      }
      assertEquals(Status.COMPLETED, migration.result().get(30, TimeUnit.SECONDS).status());
      ExecutionException refused =
          assertThrows(ExecutionException.class, () -> added.get(30, TimeUnit.SECONDS));
      assertInstanceOf(PortException.class, refused.getCause());
    }
  }

  @Test
  void portAddedDuringAHandoverThatFails_isAddedAfterIt() throws Exception {
    Machine machine = start("");
    try (SocketChannel host = connect();
        UnixListener listener = destination()) {
      assertEchoes(host, 1000);
      Migration migration = migrate(machine, MigrationMemory.AUTO);
      Future<PortInfo> added;
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        readState(stream);
        added = addPort(machine);
        stream.write(Type.FAILED, "no room");
      }
      assertEquals(Status.FAILED, migration.result().get(30, TimeUnit.SECONDS).status());
      assertEquals(Optional.of("late"), added.get(30, TimeUnit.SECONDS).name());
      assertStillHere(machine, host);
    }
  }

  @Test
  void pausedGuestThatIsLeaving_isNotResumed() throws Exception {
    Machine machine = start("");
    try (SocketChannel host = connect();
        UnixListener listener = destination()) {
      assertEchoes(host, 1000);
      machine.pause();
      Migration migration = migrate(machine, MigrationMemory.AUTO);
      try (MigrationStream stream = new MigrationStream(UnixSocket.accept(listener.fd()))) {
        assertTrue(readState(stream));
        takeGuest(stream);

        assertThrows(UncheckedIOException.class, machine::resume);

        stream.write(Type.RUNNING);
      }
      assertEquals(Status.COMPLETED, migration.result().get(30, TimeUnit.SECONDS).status());
    }
  }

  @Test
  void listenerThatFails_leavesTheGuestAtTheDestination() throws Exception {
    Machine machine = start("");
    machine.addListener(
        new MachineListener() {
          @Override
          public void migrationEnded(MigrationProgress end) {
            throw new IllegalStateException("a listener that fails");
          }
        });
    try (SocketChannel host = connect()) {
      assertEchoes(host, 1000);

      Machine there = move(machine);

      assertStillHere(there, host);
    }
  }
}
