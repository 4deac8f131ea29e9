package org.microvm.virtioserial;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * The present backend of a port, and the calls to it that run later on the event loop: those to a
 * backend that was exchanged meanwhile, or of a port that has ended, are dropped. Guarded by the
 * device lock.
 */
final class PortHostEnd {
  private final DeviceContext context;
  private final BooleanSupplier ended;
  private PortBackend backend;

  /**
   * @param ended whether the port has ended
   */
  PortHostEnd(DeviceContext context, PortBackend backend, BooleanSupplier ended) {
    this.context = context;
    this.backend = backend;
    this.ended = ended;
  }

  PortBackend backend() {
    return backend;
  }

  /** Starts the backend. */
  void start(PortBackend.Port port) {
    onLoop(present -> present.start(port));
  }

  /** Reports to the backend that its connection has ended. */
  void connectionClosed() {
    onLoop(PortBackend::connectionClosed);
  }

  /** Closes the backend and puts another one in its place, which is not started yet. */
  void exchange(PortBackend next) {
    PortBackend old = backend;
    backend = next;
    old.close();
  }

  private void onLoop(Consumer<PortBackend> call) {
    PortBackend whose = backend;
    context.execute(
        () ->
            context.locked(
                () -> {
                  if (!ended.getAsBoolean() && backend == whose) {
                    call.accept(whose);
                  }
                }));
  }
}
