package org.microvm.machine;

import java.util.concurrent.Semaphore;
import org.microvm.devices.legacy.Uart16550;

/** Types at a guest's serial console, as fast as the guest reads. */
final class ConsoleKeyboard {
  private final Uart16550 uart;

  /** Has a permit after the UART has taken a byte. */
  private final Semaphore room = new Semaphore(0);

  ConsoleKeyboard(Uart16550 uart) {
    this.uart = uart;
    uart.onRoom(room::release);
  }

  /** Types one byte; waits while the guest does not accept it. Only one thread may type. */
  void type(byte key) throws InterruptedException {
    while (!uart.receive(key)) {
      room.acquire();
    }
  }
}
