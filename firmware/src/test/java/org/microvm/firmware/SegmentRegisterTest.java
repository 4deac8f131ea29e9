package org.microvm.firmware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class SegmentRegisterTest {
  @Test
  void of_descriptorInPages_givesTheLimitInBytes() {
    SegmentRegister segment = SegmentRegister.of(8, 0x12cf_9b34_5678_ffffL);

    assertEquals(new SegmentRegister(8, 0x12345678, -1, 0xb, false, false, true, true), segment);
  }

  @Test
  void of_systemDescriptorInBytes_givesItsLimitAsIs() {
    SegmentRegister segment = SegmentRegister.of(0x20, 0x0001_8b00_0000_0067L);

    assertEquals(new SegmentRegister(0x20, 0, 0x10067, 0xb, true, false, false, false), segment);
  }

  @Test
  void of_highestBase_isNotSignExtended() {
    assertEquals(0xff00_0000L, SegmentRegister.of(0, 0xff00_0000_0000_0000L).base());
  }
}
