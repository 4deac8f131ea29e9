package org.microvm.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class GuestFaultsTest {
  @Test
  void aMillionFaults_areLoggedTwentyTimes() {
    GuestFaults faults = new GuestFaults();

    long logged = IntStream.range(0, 1_000_000).filter(i -> faults.add()).count();

    assertEquals(20, logged);
    assertEquals(1_000_000, faults.count());
  }
}
