package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.qmp.QmpClient;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;
import picocli.CommandLine;

/** {@code microvm snapshot} and {@code microvm restore}. */
@Timeout(60)
class RestoreCommandTest {
  @TempDir private Path directory;
  private final StringWriter err = new StringWriter();

  private int execute(String... args) {
    return Main.execute(new PrintWriter(err, true), args);
  }

  private void assertEchoes(Path socket, String text) throws Exception {
    try (SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      host.write(ByteBuffer.wrap(text.getBytes()));
      ByteBuffer back = ByteBuffer.allocate(text.length());
      while (back.hasRemaining() && host.read(back) >= 0) {}
      assertEquals(text, new String(back.array()));
    }
  }

  /** Runs a machine in its own process, waits for its guest, saves the machine and ends it. */
  private Path save() throws Exception {
    return save(qmp -> {});
  }

  /** A change of the machine before it is saved. */
  private interface Change {
    void make(Path qmp) throws Exception;
  }

  private Path save(Change before) throws Exception {
    Path home = Path.of(System.getProperty("microvm.home", ".."));
    Path qmp = directory.resolve("qmp");
    Process process =
        new ProcessBuilder(
                ChildJvm.command(
                    Main.class,
                    "run",
                    "--kernel",
                    home.resolve("test-images/target/bare-metal/serial-echo")
                        .toAbsolutePath()
                        .toString(),
                    "--append",
                    "mode=echo onclose=exit",
                    "-m",
                    "16M",
                    "-chardev",
                    "socket,id=a,path=channel,server=on,wait=off",
                    "-device",
                    "virtserialport,chardev=a,name=test",
                    "--qmp",
                    "unix:" + qmp + ",server=on,wait=off"))
            .directory(directory.toFile())
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectErrorStream(true)
            .start();
    try {
      BufferedReader console = process.inputReader();
      String line = console.readLine();
      assertTrue(line != null && line.contains("open, mode=echo"), line);
      Path snapshot = directory.resolve("saved");
      before.make(qmp);

      int status = execute("snapshot", "--qmp", qmp.toString(), snapshot.toString(), "--end");

      assertEquals(0, status, err.toString());
      assertTrue(process.waitFor(30, TimeUnit.SECONDS));
      assertEquals(0, process.exitValue());
      return snapshot;
    } finally {
      process.destroyForcibly();
    }
  }

  /** The directory comes first, last, or between options with and without a value. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "saved --name web --detach",
        "--name web --detach saved",
        "--name web saved --detach",
        "--sockets=/tmp --name=web saved --detach",
        "--trust-options --sockets /tmp --name web --detach saved",
      })
  void arguments_haveTheDirectoryAnywhere(String line) {
    CommandLine restore = Main.configured(RestoreCommand.commandLine());
    restore.parseArgs(line.split(" "));

    RestoreArguments arguments = RestoreArguments.of(restore, Path.of("saved"));

    assertEquals(Path.of("saved"), arguments.directory());
    assertEquals(
        List.of("web", "--detach"),
        arguments.runOptions().stream()
            .filter(word -> !word.equals("--name"))
            .map(word -> word.replace("--name=", ""))
            .toList());
  }

  @ParameterizedTest
  @ValueSource(strings = {"restore", "restore --name web", "restore --trust-options"})
  void missingDirectory_isSaid(String line) {
    assertEquals(2, execute(line.split(" ")), err.toString());
    assertEquals("microvm: Missing required parameter: 'DIRECTORY'\n", err.toString());
  }

  @Test
  @RequiresKvm
  void snapshotAndRestore_knowTheSavedWordsAndMoveSockets() throws Exception {
    Path snapshot = save();
    Path sockets = Files.createDirectory(directory.resolve("sockets"));

    CompletableFuture<Integer> status =
        CompletableFuture.supplyAsync(
            () ->
                execute(
                    "restore",
                    snapshot.toString(),
                    "--sockets",
                    sockets.toString(),
                    "--no-console"));
    while (!Listening.at(sockets.resolve("channel")) && !status.isDone()) {
      Thread.onSpinWait();
    }

    assertEchoes(sockets.resolve("channel"), "hello");
    assertEquals(1, status.get(30, TimeUnit.SECONDS), err.toString()); // 0 << 1 | 1
    assertFalse(Files.exists(directory.resolve("channel")));
  }

  @Test
  @RequiresKvm
  void channelsThatCameAndWentWhileItRan_areAsTheyWere() throws Exception {
    Path added = directory.resolve("added");
    Path snapshot =
        save(
            qmp -> {
              String socket = added.toString();
              String control = qmp.toString();
              assertEquals(
                  0, execute("port", "add", "--qmp", control, "gone", "--socket", socket + "0"));
              assertEquals(
                  0, execute("port", "add", "--qmp", control, "added", "--socket", socket));
              assertEquals(0, execute("port", "remove", "--qmp", control, "gone"));
            });
    Path control = directory.resolve("restored.qmp");

    CompletableFuture<Integer> status =
        CompletableFuture.supplyAsync(
            () ->
                execute(
                    "restore",
                    snapshot.toString(),
                    "--no-console",
                    "--qmp",
                    "unix:" + control + ",server=on,wait=off"));
    while (!Listening.at(control) && !status.isDone()) {
      Thread.onSpinWait();
    }

    try (QmpClient qmp = QmpClient.connect(control, Duration.ofSeconds(30))) {
      JsonNode ports = qmp.execute("x-query-ports");
      assertEquals(2, ports.size(), ports.toString());
      assertEquals("added", ports.get(1).path("name").asText(), ports.toString());
      assertEquals(3, ports.get(1).path("nr").asInt(), ports.toString());
      qmp.execute("quit");
    }
    assertEquals(0, status.get(30, TimeUnit.SECONDS), err.toString());
    assertFalse(Files.exists(added));
  }

  @Test
  @RequiresKvm
  void machineStartedWithRelativePaths_isRestoredFromAnotherDirectory() throws Exception {
    Path snapshot = save();

    CompletableFuture<Integer> status =
        CompletableFuture.supplyAsync(
            () -> execute("restore", snapshot.toString(), "--no-console"));
    while (!Listening.at(directory.resolve("channel")) && !status.isDone()) {
      Thread.onSpinWait();
    }

    assertEchoes(directory.resolve("channel"), "hello");
    assertEquals(1, status.get(30, TimeUnit.SECONDS), err.toString()); // 0 << 1 | 1
  }

  @Test
  void noSnapshot_isOneLine() {
    assertEquals(Main.FAILED, execute("restore", directory.resolve("none").toString()));

    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains("is missing"), err.toString());
  }
}
