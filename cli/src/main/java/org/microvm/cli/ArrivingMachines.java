package org.microvm.cli;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.cli.serve.ServerAnswer;
import org.microvm.machine.config.MachineException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The machines that an earlier server hands over to this one, until each has its name here. */
final class ArrivingMachines {
  private static final Logger LOG = LoggerFactory.getLogger(ArrivingMachines.class);

  private static final long ADOPT_SECONDS = 30;

  private final Machines machines;
  private final ServedMachine.Shared shared;
  private final Consumer<ServedMachine> arrived;
  private final Consumer<ServedMachine> lost;
  private final Map<MachineName, Arrival> arriving = new ConcurrentHashMap<>();

  /**
   * @param shared what the machines of this server share
   * @param arrived accepts each machine that runs here and has its name
   * @param lost ends a machine that runs here and has no name
   */
  ArrivingMachines(
      Machines machines,
      ServedMachine.Shared shared,
      Consumer<ServedMachine> arrived,
      Consumer<ServedMachine> lost) {
    this.machines = machines;
    this.shared = shared;
    this.arrived = arrived;
    this.lost = lost;
  }

  /**
   * A machine that is moving here.
   *
   * @param named completes when it has its name here
   */
  private record Arrival(ServedMachine machine, CompletableFuture<Void> named) {}

  /** Waits for a guest on a socket of its own, which listens when this returns. */
  ServerAnswer receive(MachineName name, List<String> words) throws IOException, MachineException {
    ServedMachine machine =
        ServedMachine.await(ServedOptions.ofServer(name, words), machines.files(name), shared);
    Arrival arrival = new Arrival(machine, new CompletableFuture<>());
    arriving.put(name, arrival);
    try {
      MachineServer.later(() -> take(machine, arrival.named()));
    } catch (Error noThread) {
      arriving.remove(name);
      machine.abandon();
      throw noThread;
    }
    return ServerAnswer.done("");
  }

  /** Receives a machine, whose name is free once the other server has closed its sockets. */
  private void take(ServedMachine machine, CompletableFuture<Void> arrival) {
    try {
      machine.receive();
    } catch (MachineException | RuntimeException | Error e) {
      arrival.completeExceptionally(e);
      return;
    }
    try {
      machine.adopt(machines.adopt(machine.name()));
      arrived.accept(machine);
      arrival.complete(null);
    } catch (IOException | RuntimeException | Error e) {
      LOG.error(
          "cannot take over the name of {}, so the machine is ended: {}",
          machine.name(),
          e.getMessage());
      arrival.completeExceptionally(e);
      lost.accept(machine);
    }
  }

  /** Ends the wait for a guest that stays in the earlier server. */
  ServerAnswer callOff(MachineName name) {
    Arrival arrival = arriving.remove(name);
    if (arrival != null) {
      arrival.machine().callOff();
    }
    return ServerAnswer.done("");
  }

  /** Ends the wait for guests that have not begun to move, because their server has ended. */
  void callOffAll() {
    List.copyOf(arriving.keySet()).forEach(this::callOff);
  }

  /** Waits until a machine has its name here. */
  ServerAnswer adopt(MachineName name) throws IOException {
    Arrival arrival = arriving.remove(name);
    if (arrival == null) {
      throw new IOException("no guest of this name is expected");
    }
    try {
      arrival.named().orTimeout(ADOPT_SECONDS, TimeUnit.SECONDS).join();
      return ServerAnswer.done("");
    } catch (CompletionException e) {
      throw new IOException(MachineServer.line(e.getCause()), e);
    }
  }
}
