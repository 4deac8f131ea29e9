package org.example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.agent.GuestCommand;
import org.microvm.agent.GuestProcess;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;
import org.microvm.virtioserial.channel.Channel;

/** Uses the fixture: programs, files and channels of a guest that the tests share. */
@MicroVm(channels = "org.example.echo")
class KernelTest {
  @Test
  void kernel_isTheGuests(GuestVm vm) throws Exception {
    assertTrue(vm.exec("uname", "-r").output().startsWith("6.1."));
  }

  @Test
  void file_goesInAndComesOut(GuestVm vm, @TempDir Path directory) throws Exception {
    Path there = Files.writeString(directory.resolve("there"), "one two three");
    Path back = directory.resolve("back");

    vm.copyIn(there, "/tmp/words");
    assertEquals("3", vm.exec("sh", "-c", "wc -w < /tmp/words").output());
    vm.copyOut("/tmp/words", back);

    assertEquals(-1, Files.mismatch(there, back));
  }

  @Test
  void channel_carriesBytesBothWays(GuestVm vm) throws Exception {
    byte[] sent = "hello, guest\n".getBytes(StandardCharsets.US_ASCII);
    String port = "/dev/virtio-ports/org.example.echo";
    try (Channel channel = vm.channel("org.example.echo")) {
      GuestProcess echo =
          vm.agent()
              .processes()
              .start(GuestCommand.of("sh", "-c", "exec 3<>" + port + "; head -n 1 <&3 >&3"));

      channel.write(ByteBuffer.wrap(sent));
      ByteBuffer back = ByteBuffer.allocate(sent.length);
      while (back.hasRemaining()) {
        channel.read(back);
      }

      assertArrayEquals(sent, back.array());
      assertEquals(0, echo.await(java.time.Duration.ofMinutes(1)).status());
    }
  }
}
