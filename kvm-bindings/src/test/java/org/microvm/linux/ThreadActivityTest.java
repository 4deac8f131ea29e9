package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ThreadActivityTest {
  private static String status(String state) {
    return """
        Name:\tvcpu-0
        State:\t%s
        Threads:\t21
        voluntary_ctxt_switches:\t40
        nonvoluntary_ctxt_switches:\t2
        """
        .formatted(state);
  }

  @Test
  void sleepingThread_hasTheSumOfItsSwitches() {
    assertEquals(42, ThreadActivity.parse(status("S (sleeping)")));
  }

  @Test
  void runningThread_isAwake() {
    assertEquals(ThreadActivity.AWAKE, ThreadActivity.parse(status("R (running)")));
  }

  @Test
  void waitingForADisk_isAwake() {
    assertEquals(ThreadActivity.AWAKE, ThreadActivity.parse(status("D (disk sleep)")));
  }

  @Test
  void kernelWithoutCounters_isAwake() {
    assertEquals(ThreadActivity.AWAKE, ThreadActivity.parse("State:\tS (sleeping)\n"));
  }

  @Test
  void threadThatHasEnded_isAwake() {
    assertEquals(ThreadActivity.AWAKE, ThreadActivity.switchesIfAsleep(Integer.MAX_VALUE));
  }
}
