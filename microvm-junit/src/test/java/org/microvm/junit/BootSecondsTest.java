package org.microvm.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How long a guest may boot. */
class BootSecondsTest {
  @MicroVm(bootSeconds = 5)
  private static final class Annotated {}

  private final MicroVm wanted = Annotated.class.getAnnotation(MicroVm.class);

  @AfterEach
  void clear() {
    System.clearProperty(MicroVm.BOOT_SECONDS);
  }

  @Test
  void withoutTheProperty_theAnnotationCounts() {
    assertEquals(5, GuestBoot.bootSeconds(wanted));
  }

  @ParameterizedTest
  @CsvSource({"600, 600", "4, 5", "slow, 5"})
  void property_raisesTheLimitOnly(String property, int expected) {
    System.setProperty(MicroVm.BOOT_SECONDS, property);

    assertEquals(expected, GuestBoot.bootSeconds(wanted));
  }
}
