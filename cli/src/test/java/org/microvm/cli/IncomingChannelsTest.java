package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.linux.EventLoop;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.virtioserial.backend.PortBackend;

/** The server sockets of a machine that waits for a guest to migrate from another process. */
@Timeout(60)
class IncomingChannelsTest {
  @TempDir private Path directory;

  private ChannelConfig channel(boolean incoming, String chardev) throws Exception {
    MachineOptions options = new MachineOptions();
    Options.complete(Options.command(this, "run", ""), options.all())
        .parseArgs(
            "--kernel", "kernel", "--chardev", chardev, "--device", "virtserialport,chardev=a");
    return options.toBuilder(incoming).build().channels().getFirst();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "socket,id=a,path=%s,server=on",
        "socket,id=a,path=%s,server=yes,wait=off",
        "socket,id=a,path=%s,server=true",
        "socket,id=a,path=%s,server",
        "socket,server,nowait,path=%s,id=a",
      })
  void serverSocket_appearsWhenItIsTakenOver(String chardev) throws Exception {
    Path socket = directory.resolve("s,=server=off");
    String escaped = socket.toString().replace(",", ",,");
    ChannelConfig channel = channel(true, chardev.formatted(escaped));

    try (EventLoop loop = EventLoop.open("incoming-test")) {
      PortBackend backend = channel.hostEnd().open(loop);
      boolean listensAtOnce = Files.exists(socket);
      backend.takeOver();
      boolean listensAfterTakeOver = Files.exists(socket);
      backend.close();

      assertFalse(listensAtOnce);
      assertTrue(listensAfterTakeOver);
    }
  }

  @Test
  void serverSocket_ofAMachineThatBootsListensAtOnce() throws Exception {
    Path socket = directory.resolve("s");
    ChannelConfig channel = channel(false, "socket,id=a,path=" + socket + ",server");

    try (EventLoop loop = EventLoop.open("incoming-test")) {
      PortBackend backend = channel.hostEnd().open(loop);
      boolean listensAtOnce = Files.exists(socket);
      backend.close();

      assertTrue(listensAtOnce);
    }
  }
}
