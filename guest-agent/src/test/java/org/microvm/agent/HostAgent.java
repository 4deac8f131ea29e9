package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** An agent whose guest is this host: it runs programs, and reads and writes files, as qemu-ga. */
public final class HostAgent implements FakeAgent.Script {
  private final Map<Long, RandomAccessFile> files = new HashMap<>();
  private final Map<Long, Process> processes = new HashMap<>();
  private final Map<Long, Streams> streams = new HashMap<>();
  private final boolean runsPrograms;
  private final Set<String> missing;
  private long lastHandle = 999;
  private Runnable afterStart = () -> {};
  private Runnable beforeStatus = () -> {};

  /** The files with the output of a program. */
  private record Streams(Path output, Path errors) {}

  /** An agent that runs programs. */
  public HostAgent() {
    this(true, Set.of());
  }

  private HostAgent(boolean runsPrograms, Set<String> missing) {
    this.runsPrograms = runsPrograms;
    this.missing = missing;
  }

  /** An agent in a guest without some programs. */
  public static HostAgent without(String... missing) {
    return new HostAgent(true, Set.of(missing));
  }

  /** An agent that is configured to run no programs. */
  public static HostAgent withoutPrograms() {
    return new HostAgent(false, Set.of());
  }

  @Override
  public void play(FakeAgent.Peer peer) throws IOException {
    for (JsonNode request = peer.next(); request != null; request = peer.next()) {
      try {
        String result = answer(request.path("execute").asText(), request.path("arguments"));
        if (result == null) {
          peer.error(request, "CommandNotFound", "The command has not been found");
        } else {
          peer.answer(request, "\"return\":" + result);
        }
      } catch (IOException e) {
        peer.error(request, "GenericError", e.getMessage());
      }
    }
  }

  /**
   * Sets what happens between the start of a program and the answer.
   *
   * @param action called on the agent's thread
   */
  public void afterStart(Runnable action) {
    afterStart = action;
  }

  /**
   * Sets what happens before each answer to the query whether a program has ended.
   *
   * @param action called on the agent's thread
   */
  public void beforeStatus(Runnable action) {
    beforeStatus = action;
  }

  /** Waits until every program that was started has ended. */
  public void awaitPrograms() throws InterruptedException {
    for (Process process : processes.values()) {
      process.waitFor();
    }
  }

  /** How many files are open. */
  public int openFiles() {
    return files.size();
  }

  private String answer(String command, JsonNode arguments) throws IOException {
    return switch (command) {
      case "guest-exec" -> runsPrograms ? exec(arguments) : null;
      case "guest-exec-status" -> status(arguments.get("pid").asLong());
      case "guest-file-open" ->
          open(arguments.get("path").asText(), arguments.get("mode").asText());
      case "guest-file-close" -> {
        files.remove(arguments.get("handle").asLong()).close();
        yield "{}";
      }
      case "guest-file-flush" -> "{}";
      case "guest-file-seek" -> {
        RandomAccessFile file = file(arguments);
        boolean end = arguments.get("whence").asText().equals("end");
        file.seek((end ? file.length() : 0) + arguments.get("offset").asLong());
        yield "{\"position\": %d, \"eof\": false}".formatted(file.getFilePointer());
      }
      case "guest-file-write" -> {
        byte[] bytes = arguments.get("buf-b64").binaryValue();
        file(arguments).write(bytes);
        yield "{\"count\": %d, \"eof\": false}".formatted(bytes.length);
      }
      case "guest-file-read" -> read(file(arguments), arguments.get("count").asInt());
      default -> null;
    };
  }

  private RandomAccessFile file(JsonNode arguments) {
    return files.get(arguments.get("handle").asLong());
  }

  private static String read(RandomAccessFile file, int count) throws IOException {
    byte[] bytes = new byte[count];
    int got = Math.max(file.read(bytes), 0);
    return "{\"count\": %d, \"eof\": %s, \"buf-b64\": \"%s\"}"
        .formatted(got, got < count, Base64.getEncoder().encodeToString(Arrays.copyOf(bytes, got)));
  }

  private String open(String path, String mode) throws IOException {
    if (mode.startsWith("r") && !new File(path).exists()) {
      throw new FileNotFoundException(path + ": No such file or directory");
    }
    boolean isNew = !new File(path).exists();
    RandomAccessFile file = new RandomAccessFile(path, mode.equals("r") ? "r" : "rw");
    if (isNew) {
      // As qemu-ga, independent of the umask.
      Files.setPosixFilePermissions(Path.of(path), PosixFilePermissions.fromString("rw-rw-rw-"));
    }
    if (mode.startsWith("w")) {
      file.setLength(0);
    }
    files.put(++lastHandle, file);
    return Long.toString(lastHandle);
  }

  private String exec(JsonNode arguments) throws IOException {
    List<String> argv = new ArrayList<>(List.of(arguments.get("path").asText()));
    arguments.path("arg").forEach(word -> argv.add(word.asText()));
    if (missing.contains(argv.getFirst())) {
      throw new IOException(
          "Failed to execute child process “%s” (No such file or directory)"
              .formatted(argv.getFirst()));
    }
    Streams files = new Streams(outputFile(), outputFile());
    ProcessBuilder builder =
        new ProcessBuilder(argv)
            .redirectInput(new File("/dev/null"))
            .redirectOutput(files.output().toFile())
            .redirectError(files.errors().toFile());
    if (arguments.has("env")) {
      builder.environment().clear();
      for (JsonNode word : arguments.get("env")) {
        String[] entry = word.asText().split("=", 2);
        builder.environment().put(entry[0], entry[1]);
      }
    }
    Process process = builder.start();
    processes.put(process.pid(), process);
    streams.put(process.pid(), files);
    afterStart.run();
    return "{\"pid\": %d}".formatted(process.pid());
  }

  private static Path outputFile() throws IOException {
    Path file = Files.createTempFile("host-agent", "");
    // Not every client requests the output.
    file.toFile().deleteOnExit();
    return file;
  }

  private String status(long pid) throws IOException {
    beforeStatus.run();
    Process process = processes.get(pid);
    if (process.isAlive()) {
      return "{\"exited\": false}";
    }
    Streams files = streams.remove(pid);
    // Java reports the end by a signal as a shell does.
    return "{\"exited\": true, \"exitcode\": %d, \"out-data\": \"%s\", \"err-data\": \"%s\"}"
        .formatted(process.exitValue(), taken(files.output()), taken(files.errors()));
  }

  private static String taken(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    Files.delete(file);
    return Base64.getEncoder().encodeToString(bytes);
  }
}
