package org.microvm.machine.vcpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class AddressCountsTest {
  private final AddressCounts counts = new AddressCounts();

  @Test
  void count_addsUpByAddress() {
    counts.count(0x3f8);
    counts.count(0);
    counts.count(0x3f8);

    assertEquals(Map.of(0L, 1L, 0x3f8L, 2L), counts.toMap());
  }

  @Test
  void count_ofMoreAddressesThanThereIsRoomFor_isKeptTogether() {
    LongStream.range(0, 1000).forEach(counts::count);

    assertEquals(192, counts.toMap().size());
    assertEquals(1000 - 192, counts.elsewhere());
  }

  @Test
  void count_knownAddressInAFullTable_isStillCountedByAddress() {
    LongStream.range(0, 1000).forEach(counts::count);

    counts.count(5);

    assertEquals(2, counts.toMap().get(5L));
  }
}
