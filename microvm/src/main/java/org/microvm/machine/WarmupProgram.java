package org.microvm.machine;

import java.io.IOException;
import org.microvm.memory.GuestMemoryException;

/** Simulates a program in the guest that sends back what it receives. Used by one thread. */
final class WarmupProgram {
  private final WarmupDriver driver;
  private final WarmupRing received;
  private final WarmupRing sent;
  private boolean polls;

  /**
   * @param driver has started
   */
  WarmupProgram(WarmupDriver driver) {
    this.driver = driver;
    received = driver.receiveRing();
    sent = driver.transmitRing();
  }

  /** Sets whether the guest polls for what it receives, instead of waiting for interrupts. */
  void polls(boolean on) throws GuestMemoryException {
    polls = on;
    received.interrupts(!on);
  }

  /**
   * Receives a number of bytes and sends them back.
   *
   * @param delayNanos the time between the arrival of a buffer and the reply
   */
  void echo(int bytes, long delayNanos) throws IOException, GuestMemoryException {
    int left = bytes;
    while (left > 0) {
      await(received);
      long arrival = System.nanoTime();
      while (System.nanoTime() - arrival < delayNanos) {
        Thread.onSpinWait();
      }
      if (!polls) {
        driver.acknowledge();
      }
      int length = received.length();
      received.add(received.take());
      send(length);
      left -= length;
    }
  }

  private void send(int length) throws IOException, GuestMemoryException {
    if (sent.isFull()) {
      await(sent);
    }
    while (sent.hasUsed()) {
      sent.take();
    }
    driver.send(sent, length);
  }

  private static void await(WarmupRing ring) throws IOException, GuestMemoryException {
    WarmupWait wait = new WarmupWait();
    while (!ring.hasUsed()) {
      wait.pause();
    }
  }
}
