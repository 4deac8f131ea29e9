package org.microvm.junit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.agent.GuestCommand;
import org.microvm.agent.GuestProcess;
import org.microvm.virtioserial.channel.Channel;

/** Linux guests, one for each test, that are restored from a snapshot of a booted guest. */
@MicroVm(scope = MicroVm.Scope.METHOD, channels = "echo")
@Tag("linux")
@Timeout(300)
class RestoredGuestTest {
  @RepeatedTest(3)
  void whatOneTestDoes_theNextDoesNotSee(GuestVm vm) throws Exception {
    assertEquals(1, vm.exec("test", "-e", "/run/done").status());
    vm.writeFile("/run/done", "");
    assertEquals(0, vm.exec("test", "-e", "/run/done").status());
    // The guest wrote its messages before it was saved; its kernel may warn of one delay.
    assertEquals(
        "", vm.console().replaceFirst("\\[ *[0-9.]+] hrtimer: interrupt took [0-9]+ ns\r*\n", ""));
  }

  @Test
  void channels_areThere(GuestVm vm) throws Exception {
    byte[] sent = "hello\n".getBytes(StandardCharsets.US_ASCII);
    try (Channel channel = vm.channel("echo")) {
      GuestProcess echo =
          vm.agent()
              .processes()
              .start(
                  GuestCommand.of("sh", "-c", "exec 3<>/dev/virtio-ports/echo; head -n 1 <&3 >&3"));
      channel.write(ByteBuffer.wrap(sent));
      ByteBuffer back = ByteBuffer.allocate(sent.length);
      while (back.hasRemaining()) {
        channel.read(back);
      }

      assertArrayEquals(sent, back.array());
      assertEquals(0, echo.await(Duration.ofMinutes(1)).status());
    }
  }
}
