package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ThreadSliceTest {
  private static long afterShorten() {
    ThreadSlice.shorten();
    return ThreadSlice.nanos();
  }

  @Test
  void shorten_isForTheCallingThreadAlone() throws Exception {
    long own = ThreadSlice.nanos();
    assumeTrue(own > 0, "threads have no slice of their own before Linux 6.12");

    CompletableFuture<Long> slice = new CompletableFuture<>();
    Thread thread = Thread.ofPlatform().start(() -> slice.complete(afterShorten()));
    thread.join();

    assertEquals(ThreadSlice.SHORTEST, slice.get());
    assertNotEquals(ThreadSlice.SHORTEST, own);
    assertEquals(own, ThreadSlice.nanos());
  }
}
