package org.microvm.machine.vm;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.EventLoop;

/** The pause of a loop that ends meanwhile. */
@Timeout(30)
class EventLoopPauseTest {
  @Test
  void await_theLoopIsClosedBeforeItsTurn_doesNotWaitForever() throws Exception {
    EventLoop loop = EventLoop.open("pause-test");
    EventLoopPause pause = EventLoopPause.begin(loop);

    loop.close();

    pause.await();
    assertFalse(loop.isRunning());
    pause.close();
  }
}
