package org.microvm.machine;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;
import org.microvm.devices.legacy.Uart16550;

/** Types at a guest's serial console, as fast as the guest reads. */
final class ConsoleKeyboard {
  private final Uart16550 uart;
  private final BooleanSupplier ended;

  /** Has a permit after the UART has taken a byte. */
  private final Semaphore room = new Semaphore(0);

  /**
   * @param end completes when no guest will read the keys
   */
  ConsoleKeyboard(Uart16550 uart, CompletableFuture<?> end) {
    this.uart = uart;
    ended = end::isDone;
    uart.onRoom(room::release);
    end.thenRun(room::release);
  }

  /**
   * Types one byte; waits while the guest does not accept it and has not ended. Only one thread may
   * type.
   */
  void type(byte key) throws InterruptedException {
    while (!ended.getAsBoolean() && !uart.receive(key)) {
      room.acquire();
    }
  }
}
