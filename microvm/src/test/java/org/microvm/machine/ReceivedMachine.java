package org.microvm.machine;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;

/** The destination of a migration, on a separate thread of the process that has the source. */
final class ReceivedMachine {
  private ReceivedMachine() {}

  /**
   * Waits for one guest, then closes the listener.
   *
   * @param owner receives the machine and closes it in the end
   */
  static CompletableFuture<Machine> of(
      IncomingMigration incoming, MachineConfig config, Consumer<Machine> owner, Executor threads) {
    return CompletableFuture.supplyAsync(
        () -> {
          try (incoming) {
            Machine machine = incoming.receive(config);
            owner.accept(machine);
            return machine;
          } catch (MachineException e) {
            throw new CompletionException(e);
          }
        },
        threads);
  }
}
