package org.microvm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A VMM in a separate process that runs the benchmark guest. */
final class VmmPeer implements Peer {
  private static final String READY = "bench ready";
  private static final long READY_SECONDS = 30;
  private static final long END_SECONDS = 10;

  private final Process process;
  private final List<Path> sockets;
  private final CompletableFuture<Void> ready = new CompletableFuture<>();

  @SuppressWarnings("JdkObsolete") // two threads use it
  private final StringBuffer output = new StringBuffer();

  private VmmPeer(Process process, List<Path> sockets) {
    this.process = process;
    this.sockets = sockets;
  }

  /** Builds the command that starts a VMM whose ports 1, 2 and so on have these sockets. */
  @FunctionalInterface
  interface Command {
    List<String> of(Workload workload, List<Path> sockets);
  }

  static Peer start(Command command, Workload workload, Path directory)
      throws IOException, InterruptedException {
    List<Path> sockets = new ArrayList<>();
    for (int port = 1; port <= workload.ports(); port++) {
      Path socket = directory.resolve("port-" + port);
      Files.deleteIfExists(socket);
      sockets.add(socket);
    }
    ProcessBuilder builder = new ProcessBuilder(command.of(workload, sockets));
    builder.redirectInput(Path.of("/dev/null").toFile());
    builder.redirectErrorStream(true);
    VmmPeer peer = new VmmPeer(builder.start(), List.copyOf(sockets));
    Thread.ofPlatform().daemon().name("output").start(peer::read);
    peer.awaitReady();
    return peer;
  }

  private void read() {
    try (BufferedReader reader = process.inputReader()) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        output.append(line).append('\n');
        if (line.contains(READY)) {
          ready.complete(null);
        }
      }
    } catch (IOException e) {
      output.append(e.getMessage());
    }
    ready.completeExceptionally(new IOException("the process ended"));
  }

  private void awaitReady() throws IOException, InterruptedException {
    try {
      ready.get(READY_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      close();
      throw new IOException(
          "the benchmark guest did not start under '%s': %s"
              .formatted(
                  process.info().commandLine().orElse("the VMM"),
                  output.isEmpty() ? "no output" : output.toString().strip()),
          e);
    }
  }

  @Override
  public List<Path> sockets() {
    return sockets;
  }

  @Override
  public long pid() {
    return process.pid();
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    for (Path socket : sockets) {
      Files.deleteIfExists(socket);
    }
  }
}
