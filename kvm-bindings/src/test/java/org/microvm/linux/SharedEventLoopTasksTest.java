package org.microvm.linux;

import org.junit.jupiter.api.AfterEach;

/** Runs the tests of {@link EventLoopTasksTest} for a loop on the thread of another one. */
class SharedEventLoopTasksTest extends EventLoopTasksTest {
  private EventLoop carrier;

  @Override
  EventLoop openLoop() throws ErrnoException {
    carrier = EventLoop.open("test-loop");
    carrier.start();
    return EventLoop.openOn(carrier, "shared");
  }

  @AfterEach
  @Override
  void close() {
    super.close();
    carrier.close();
  }
}
