package org.microvm.agent;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the command line in separate processes. */
final class Cli {
  /** A command may wait for the guest to boot. */
  private static final long LIMIT_SECONDS = Guest.boot().toSeconds() + 20;

  private Cli() {}

  /** The result of a process: its exit status and output. */
  record Outcome(int status, String output, String errors) {}

  /** Starts {@code microvm} with these arguments and redirects its output to a file. */
  static Process start(List<String> args, Path output) throws IOException {
    return new ProcessBuilder(command(args))
        .redirectInput(new File("/dev/null"))
        .redirectErrorStream(true)
        .redirectOutput(output.toFile())
        .start();
  }

  /** Runs {@code microvm agent} with these arguments to its end. */
  static Outcome agent(Path socket, byte[] input, String... args) throws Exception {
    List<String> all = new ArrayList<>(List.of("agent", "--socket", socket.toString()));
    all.addAll(List.of(args));
    Path output = Files.createTempFile(socket.getParent(), "out", null);
    Path errors = Files.createTempFile(socket.getParent(), "err", null);
    Process process =
        new ProcessBuilder(command(all))
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile())
            .start();
    try (OutputStream stream = process.getOutputStream()) {
      stream.write(input);
    } catch (IOException e) {
      // The process did not read its input or has ended; its exit status shows why.
    }
    if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IllegalStateException("the process did not end in time: " + all);
    }
    return new Outcome(process.exitValue(), text(output), text(errors));
  }

  private static String text(Path file) throws IOException {
    return Files.readString(file, StandardCharsets.ISO_8859_1);
  }

  private static List<String> command(List<String> args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"));
    command.add("-Dmicrovm.images=" + System.getProperty("microvm.images"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), "org.microvm.cli.Main"));
    command.addAll(args);
    return command;
  }
}
