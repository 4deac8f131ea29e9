package org.microvm.virtioserial;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * The exchanges of host ends that wait for the event loop. They are made there, so that the old
 * host end cannot be about to hand over a connection. Guarded by the device lock.
 */
final class HostEndExchanges {
  private final DeviceContext context;
  private final Ports ports;
  private final HostChanges changes;
  private final Set<Exchange> waiting = new HashSet<>();

  HostEndExchanges(DeviceContext context, Ports ports, HostChanges changes) {
    this.context = context;
    this.ports = ports;
    this.changes = changes;
  }

  /** An exchange, which completes, fails or is cancelled. */
  private static final class Exchange extends CompletableFuture<Void> {
    private final AtomicBoolean decided = new AtomicBoolean();

    /** Decides how the exchange ends; returns false if that is already decided. */
    boolean decide() {
      return decided.compareAndSet(false, true);
    }

    /** Cancels the exchange; returns false if it has begun or was cancelled before. */
    @Override
    public boolean cancel(boolean mayInterrupt) {
      return decide() && super.cancel(mayInterrupt);
    }
  }

  /** Requests an exchange; the caller owns the host end if the result is not normal. */
  CompletableFuture<Void> request(int nr, PortBackend next) {
    Exchange exchange = new Exchange();
    waiting.add(exchange);
    context.loop().execute(() -> make(exchange, nr, next), () -> drop(exchange));
    return exchange;
  }

  private void make(Exchange exchange, int nr, PortBackend next) {
    ReentrantLock outer = context.lock().enter();
    try {
      waiting.remove(exchange);
      if (exchange.decide()) {
        // A new server would not be started, but its clients could connect.
        changes.checkHere();
        ports.require(nr).exchange(next);
        exchange.complete(null);
      }
    } catch (PortException | RuntimeException | Error e) {
      exchange.completeExceptionally(e);
    } finally {
      context.lock().exit(outer);
    }
  }

  /** Fails an exchange that the event loop will not make because it has ended. */
  private void drop(Exchange exchange) {
    ReentrantLock outer = context.lock().enter();
    try {
      waiting.remove(exchange);
    } finally {
      context.lock().exit(outer);
    }
    if (exchange.decide()) {
      exchange.completeExceptionally(new PortException("the event loop has ended"));
    }
  }

  /** Fails the exchanges that wait, because the ports were removed and the event loop may end. */
  void close() {
    for (Exchange exchange : waiting) {
      if (exchange.decide()) {
        exchange.completeExceptionally(new PortException("the device is closed"));
      }
    }
    waiting.clear();
  }
}
