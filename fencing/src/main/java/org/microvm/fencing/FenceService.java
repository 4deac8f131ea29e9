package org.microvm.fencing;

import java.io.IOException;
import java.nio.channels.ByteChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Answers the fence requests of guests. A request is answered with success only once the action is
 * complete; if that is unknown, the answer is a failure.
 *
 * <p>Any number of channels can be served at a time, each by the threads of its own {@link #serve}.
 */
public final class FenceService {
  private final Map<String, Guarded> machines = new HashMap<>();
  private final FencePolicy policy;
  private final Consumer<String> log;

  /** A machine, and the lock that serializes its requests. */
  private record Guarded(FenceMachine machine, ReentrantLock lock) {}

  /**
   * Creates a service.
   *
   * @param machines the machines by name; a name is printable ASCII without spaces, at most 63
   *     characters
   * @param policy says which guest may fence which of them
   * @param log receives a line for each request that changes something or is denied, a limited
   *     number a minute for each guest
   * @throws IllegalArgumentException if a guest may fence a machine that is missing, or a name does
   *     not fit into a request
   */
  public FenceService(
      Map<String, FenceMachine> machines, FencePolicy policy, Consumer<String> log) {
    machines.forEach(
        (name, machine) -> {
          if (!name.matches("[!-~]{1,%d}".formatted(RequestParser.NAME_BYTES - 1))) {
            throw new IllegalArgumentException(
                "the name '%s' does not fit into a fence request: at most %d printable characters"
                    .formatted(name, RequestParser.NAME_BYTES - 1));
          }
          this.machines.put(name, new Guarded(machine, new ReentrantLock()));
        });
    policy
        .allowed()
        .forEach(
            (guest, allowed) -> {
              for (String name : allowed) {
                if (!machines.containsKey(name)) {
                  throw new IllegalArgumentException(
                      "%s may fence %s, which is not a machine of this service"
                          .formatted(guest, name));
                }
              }
            });
    this.policy = policy;
    this.log = log;
  }

  /**
   * Answers the requests of a guest until its channel ends. What the channel delivers at once is
   * dropped: requests that the guest made while nobody served it are too old.
   *
   * @param guest the name of the guest at the other end of the channel
   * @param channel blocking; is closed when this method returns
   * @throws IOException if the channel fails
   * @throws InterruptedException if the calling thread is interrupted
   */
  public void serve(String guest, ByteChannel channel) throws IOException, InterruptedException {
    new FenceSession(this, guest, channel, log, FenceSession.Timing.REAL).run();
  }

  /**
   * Carries out a request and returns the result; not for lists.
   *
   * @param left the time in ns for which the request may still wait for another one
   */
  FenceResult answer(String guest, FenceRequest request, LongSupplier left)
      throws IOException, InterruptedException {
    return switch (request.action()) {
      case UNKNOWN, LIST -> FenceResult.FAILURE;
      case DEVICE_STATUS -> FenceResult.SUCCESS;
      case OFF, ON, REBOOT, STATUS ->
          // Also for machines that do not exist, so that a guest cannot find out which do.
          policy.allows(guest, request.machine())
              ? at(machines.get(request.machine()), request.action(), left)
              : FenceResult.DENIED;
    };
  }

  private static FenceResult at(Guarded guarded, FenceAction action, LongSupplier left)
      throws IOException, InterruptedException {
    if (!guarded.lock().tryLock(left.getAsLong(), TimeUnit.NANOSECONDS)) {
      throw new IOException("another request for the machine is still in progress");
    }
    try {
      FenceMachine machine = guarded.machine();
      switch (action) {
        case OFF -> machine.off();
        case ON -> machine.on();
        case REBOOT -> machine.reboot();
        default -> {
          return machine.isOn() ? FenceResult.SUCCESS : FenceResult.OFF;
        }
      }
      return FenceResult.SUCCESS;
    } finally {
      guarded.lock().unlock();
    }
  }

  /**
   * The machines that a guest may fence. One whose state is unknown counts as on.
   *
   * @param unknown receives why a state is unknown
   * @param left as for {@link #answer}
   */
  List<Replies.Entry> list(String guest, Consumer<String> unknown, LongSupplier left)
      throws InterruptedException {
    List<Replies.Entry> entries = new ArrayList<>();
    for (String name : policy.machinesOf(guest)) {
      boolean on = true;
      try {
        on = at(machines.get(name), FenceAction.STATUS, left) == FenceResult.SUCCESS;
      } catch (IOException e) {
        unknown.accept(name + ": " + e.getMessage());
      } catch (RuntimeException | Error e) {
        unknown.accept(name + ": " + e);
      }
      entries.add(new Replies.Entry(name, on));
    }
    return entries;
  }
}
