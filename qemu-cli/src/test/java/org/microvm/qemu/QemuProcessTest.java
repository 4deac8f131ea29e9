package org.microvm.qemu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** The program with a guest that echoes what its channel receives, and prints when it is open. */
@RequiresKvm
@Timeout(120)
class QemuProcessTest {
  private static final String UUID = "3c5b4f5e-8a0b-4d3a-9c60-0c8c8b8b0001";

  @TempDir private Path directory;
  private final List<ProcessHandle> started = new ArrayList<>();

  /** Ends the processes that a failed test has left. */
  @AfterEach
  void kill() {
    started.forEach(ProcessHandle::destroyForcibly);
  }

  private Process start(String... words) throws IOException {
    Path home = Path.of(System.getProperty("microvm.home", "..")).toAbsolutePath();
    List<String> command = ChildJvm.command(Main.class, "-M", "microvm", "-m", "16");
    command.addAll(List.of("-nodefaults", "-display", "none"));
    command.add("-kernel");
    command.add(home.resolve("test-images/target/bare-metal/serial-echo").toString());
    command.addAll(List.of(words));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    started.add(process.toHandle());
    return process;
  }

  private ServerSocketChannel listen(String name) throws IOException {
    return ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(directory.resolve(name)));
  }

  private static void send(SocketChannel socket, String text) throws IOException {
    socket.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** Reads until a text has arrived. */
  private static void await(SocketChannel socket, String text) throws IOException {
    StringBuilder got = new StringBuilder();
    ByteBuffer bytes = ByteBuffer.allocate(4096);
    while (got.indexOf(text) < 0) {
      assertTrue(socket.read(bytes.clear()) > 0, () -> "the end came after " + got);
      got.append(StandardCharsets.UTF_8.decode(bytes.flip()));
    }
  }

  @Test
  void pausedMachine_startsByContAndEndsByASignalWithSuccess() throws Exception {
    Path pid = directory.resolve("pid");
    try (ServerSocketChannel monitor = listen("monitor");
        ServerSocketChannel console = listen("console");
        ServerSocketChannel channel = listen("channel")) {
      Process process =
          start(
              "-S",
              "-uuid",
              UUID,
              "-chardev",
              "socket,id=mon,path=" + directory.resolve("monitor"),
              "-mon",
              "chardev=mon,mode=control",
              "-append",
              "mode=echo wait=halt",
              "-chardev",
              "socket,id=a,path=" + directory.resolve("channel"),
              "-device",
              "virtio-serial-device",
              "-device",
              "virtserialport,chardev=a,name=test",
              "-serial",
              "unix:" + directory.resolve("console"),
              "-pidfile",
              pid.toString());
      try (SocketChannel uart = console.accept();
          SocketChannel host = channel.accept();
          SocketChannel qmp = monitor.accept()) {
        await(qmp, "QMP");
        send(qmp, "{'execute': 'qmp_capabilities'}{'execute': 'query-status'}");
        await(qmp, "prelaunch");
        send(qmp, "{'execute': 'query-uuid'}");
        await(qmp, UUID);
        send(qmp, "{'execute': 'cont'}");
        await(qmp, "RESUME");
        await(uart, "port 1");
        send(host, "echoed");
        await(host, "echoed");
        assertEquals(process.pid() + "\n", Files.readString(pid));
        process.toHandle().destroy();
        await(qmp, "SHUTDOWN");
      }
      assertTrue(process.waitFor(60, TimeUnit.SECONDS));
      assertEquals(0, process.exitValue(), new String(process.getInputStream().readAllBytes()));
      assertFalse(Files.exists(pid));
    }
  }

  /** A client that is answered sends migrate to the source, so the address must be there. */
  @Test
  void destinationThatAnswers_listensForTheGuest() throws Exception {
    Path address = directory.resolve("migration");
    try (ServerSocketChannel monitor = listen("monitor")) {
      start(
          "-chardev",
          "socket,id=mon,path=" + directory.resolve("monitor"),
          "-mon",
          "chardev=mon,mode=control",
          "-uuid",
          UUID,
          "-incoming",
          "unix:" + address);
      try (SocketChannel qmp = monitor.accept()) {
        await(qmp, "QMP");
        send(qmp, "{'execute': 'qmp_capabilities'}{'execute': 'query-uuid'}");
        await(qmp, UUID);
        SocketChannel.open(UnixDomainSocketAddress.of(address)).close();
      }
    }
  }

  /** As libvirt asks for features. */
  @Test
  void noMachine_inTheBackground_servesQmpUntilQuit() throws Exception {
    Path pid = directory.resolve("pid");
    Path monitor = directory.resolve("monitor");
    Process process =
        start(
            "-M",
            "none,accel=kvm:tcg",
            "-daemonize",
            "-pidfile",
            pid.toString(),
            "-qmp",
            "unix:" + monitor + ",server=on,wait=off");
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    ProcessHandle machine =
        ProcessHandle.of(Long.parseLong(Files.readString(pid).strip())).orElseThrow();
    started.add(machine);
    try (SocketChannel qmp = SocketChannel.open(UnixDomainSocketAddress.of(monitor))) {
      await(qmp, "\"major\": 7, \"minor\": 2");
      send(qmp, "{'execute': 'qmp_capabilities'}{'execute': 'quit'}");
      await(qmp, "SHUTDOWN");
    }
    machine.onExit().get(60, TimeUnit.SECONDS);
    assertFalse(Files.exists(pid));
  }

  @Test
  void optionThatIsNotHere_isOneLineAndStatusOne() throws Exception {
    Process process = start("-device", "virtio-balloon-pci");

    assertEquals(
        "qemu-system-x86_64: -device virtio-balloon-pci: there is no balloon\n",
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
    assertEquals(1, process.waitFor());
  }
}
