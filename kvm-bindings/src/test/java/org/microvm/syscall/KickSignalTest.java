package org.microvm.syscall;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A kick never ends the process, at any point of its arrival. */
@Timeout(30)
class KickSignalTest {
  @Test
  void kickOfAThreadThatHasNotBlockedIt_isHarmless() throws Exception {
    AtomicBoolean survived = new AtomicBoolean();
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  // Delivered when the system call that sends it returns.
                  KickSignal.send(Syscalls.gettid());
                  survived.set(true);
                });
    thread.join();

    assertTrue(survived.get());
  }
}
