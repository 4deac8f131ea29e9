package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.UnixListener;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.runtime.VmmRuntime;
import org.microvm.syscall.FaultInjection;
import org.microvm.testing.NoThreads;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.backend.NullBackend;

/** Machines that fail with an error, such as that of a host which has no more threads. */
@RequiresKvm
@Timeout(60)
class MachineErrorTest {
  @TempDir private Path directory;

  private static MachineConfig config() {
    return SerialEcho.config("", loop -> NullBackend.open()).build();
  }

  @Test
  void errorWhileAMachineIsMade_leavesNothing() throws Exception {
    try (VmmRuntime runtime = VmmRuntime.open(1)) {
      MachineConfig config =
          SerialEcho.config(
                  "",
                  loop -> {
                    throw new OutOfMemoryError("unable to create native thread");
                  })
              .runtime(runtime)
              .build();

      assertThrows(OutOfMemoryError.class, () -> Machine.create(config));

      assertEquals(0, runtime.machines());
    }
  }

  @Test
  void errorInASystemCallWhileAMachineIsMade_leavesNothing() throws Exception {
    MachineConfig config = config();
    Machine.create(config).close();
    long before = OpenDescriptors.count(target -> true);
    boolean failed = true;
    for (int call = 1; failed; call += 3) {
      AtomicInteger left = new AtomicInteger(call);
      Thread maker = Thread.currentThread();
      FaultInjection.Rule fault =
          (kind, fd) -> {
            if (Thread.currentThread() == maker && left.decrementAndGet() == 0) {
              throw new OutOfMemoryError("call of " + kind);
            }
            return 0;
          };
      try (Machine _ = createWith(fault, config)) {
        failed = false;
      } catch (OutOfMemoryError expected) {
        assertTrue(expected.getMessage().startsWith("call of"));
      }
      assertEquals(before, OpenDescriptors.count(target -> true), "error in call " + call);
    }
  }

  private static Machine createWith(FaultInjection.Rule fault, MachineConfig config)
      throws MachineException {
    try (FaultInjection _ = FaultInjection.by(fault)) {
      return Machine.create(config);
    }
  }

  @Test
  void errorAtAReset_endsTheMachine() throws Exception {
    try (Machine machine = Machine.create(config())) {
      machine.start();
      FaultInjection.Rule fault =
          (kind, fd) -> {
            if (Thread.currentThread().getName().equals("machine")) {
              throw new OutOfMemoryError("Java heap space");
            }
            return 0;
          };
      try (FaultInjection _ = FaultInjection.by(fault)) {
        assertTrue(machine.reset());

        MachineEnd end = machine.end().get(30, TimeUnit.SECONDS);
        assertTrue(assertInstanceOf(MachineEnd.Failed.class, end).toString().contains("heap"));
      }
    }
  }

  @Test
  void listenerThatFails_isLoggedAndTheOthersAreNotified() throws Exception {
    CountDownLatch told = new CountDownLatch(1);
    try (Machine machine = Machine.create(config())) {
      machine.addListener(
          new MachineListener() {
            @Override
            public void reset(MachineEnd.Reset how, boolean byHost) {
              throw new AssertionError("a listener that fails");
            }
          });
      machine.addListener(
          new MachineListener() {
            @Override
            public void reset(MachineEnd.Reset how, boolean byHost) {
              told.countDown();
            }
          });
      machine.start();

      assertTrue(machine.reset());

      assertTrue(told.await(30, TimeUnit.SECONDS));
      assertTrue(machine.pause());
    }
  }

  @Test
  void startWithoutAThread_canBeRepeated() {
    MachineLifecycle lifecycle = new MachineLifecycle(null, null);

    assertThrows(
        OutOfMemoryError.class,
        () ->
            lifecycle.start(
                () -> {
                  throw new OutOfMemoryError(NoThreads.MESSAGE);
                }));

    assertFalse(lifecycle.isStarted());
    lifecycle.start(() -> {});
    assertTrue(lifecycle.isStarted());
  }

  @Test
  void migrationWithoutAThread_isRefusedAndCanBeRepeated() throws Exception {
    Path socket = directory.resolve("destination");
    try (Machine machine = Machine.create(config());
        UnixListener listener = UnixListener.open(socket)) {
      machine.start();
      long before = OpenDescriptors.count(target -> true);
      try (NoThreads _ = NoThreads.here()) {
        assertThrows(
            OutOfMemoryError.class, () -> machine.migrate(socket, MigrationLimits.DEFAULT));
      }

      assertEquals(before, OpenDescriptors.count(target -> true));
      assertTrue(machine.migration().isEmpty());
      assertTrue(machine.migrate(socket, MigrationLimits.DEFAULT).cancel(), listener.toString());
    }
  }

  /**
   * Another thread closes a destination to end the wait for a guest, and the waiting thread closes
   * it, too.
   */
  @RepeatedTest(20)
  void destinationClosedByTwo_closesItsMachineOnce() throws Exception {
    MachineConfig config = config();
    IncomingMigration incoming =
        IncomingMigration.listen(new MigrationAddress.Unix(directory.resolve("incoming")), config);
    CountDownLatch ready = new CountDownLatch(1);
    FutureTask<Exception> receiver =
        new FutureTask<>(
            () -> {
              try (incoming) {
                ready.countDown();
                incoming.receive(config);
                return null;
              } catch (Exception e) {
                return e;
              }
            });
    Thread.ofPlatform().daemon().start(receiver);
    ready.await();

    incoming.close();

    Exception ended = receiver.get(30, TimeUnit.SECONDS);
    assertEquals("incoming migration: closed before a guest has arrived", ended.getMessage());
    assertEquals(0, ended.getSuppressed().length);
  }
}
