package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.time.Duration;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.runtime.VmmRuntime;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortStatus;

@RequiresKvm
class ChannelWarmupTest {
  /** One of them is longer than a buffer. */
  private static final int MESSAGES = 20;

  /** On each of two connections; and 8 bytes that the driver sends when it starts. */
  private static final long BYTES = 2 * (19 * 64 + 1000);

  @Test
  void messagesPassThroughTheChannel_onItsOwnLoop() throws Exception {
    assertPassed(use(_ -> {}));
  }

  @Test
  void messagesPassThroughTheChannel_onASharedLoop() throws Exception {
    try (VmmRuntime runtime = VmmRuntime.open(1)) {
      assertPassed(use(config -> config.runtime(runtime)));
    }
  }

  private static void assertPassed(PortStatus status) {
    assertEquals(BYTES, status.statistics().toGuest().bytes());
    assertEquals(BYTES + 8, status.statistics().fromGuest().bytes());
  }

  @Test
  void nothingStaysOpen() throws Exception {
    use(_ -> {});
    long before = descriptors();

    use(_ -> {});

    assertEquals(before, descriptors());
  }

  private static PortStatus use(Consumer<MachineConfig.Builder> configuration) throws Exception {
    return ChannelWarmup.useMachine(
        configuration, MESSAGES, System.nanoTime() + Duration.ofMinutes(1).toNanos());
  }

  private static long descriptors() throws IOException {
    return OpenDescriptors.count(target -> target.contains(":") || target.startsWith("/dev/kvm"));
  }
}
