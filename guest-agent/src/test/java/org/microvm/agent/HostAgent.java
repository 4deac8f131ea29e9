package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** An agent whose guest is this host: it runs programs, and reads and writes files, as qemu-ga. */
public final class HostAgent implements FakeAgent.Script {
  private final Map<Long, RandomAccessFile> files = new HashMap<>();
  private final Map<Long, Process> processes = new HashMap<>();
  private final Map<Long, Path> output = new HashMap<>();
  private long lastHandle = 999;
  private Runnable afterStart = () -> {};

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

  /** Waits until every program that was started has ended. */
  public void awaitPrograms() {
    processes.values().forEach(process -> process.onExit().join());
  }

  /** How many files are open. */
  public int openFiles() {
    return files.size();
  }

  private String answer(String command, JsonNode arguments) throws IOException {
    return switch (command) {
      case "guest-exec" -> exec(arguments);
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
    RandomAccessFile file = new RandomAccessFile(path, mode.equals("r") ? "r" : "rw");
    if (mode.startsWith("w")) {
      file.setLength(0);
    }
    files.put(++lastHandle, file);
    return Long.toString(lastHandle);
  }

  private String exec(JsonNode arguments) throws IOException {
    List<String> argv = new ArrayList<>(List.of(arguments.get("path").asText()));
    arguments.path("arg").forEach(word -> argv.add(word.asText()));
    Path errors = Files.createTempFile("host-agent", "");
    Process process =
        new ProcessBuilder(argv)
            .redirectInput(new File("/dev/null"))
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(errors.toFile())
            .start();
    processes.put(process.pid(), process);
    output.put(process.pid(), errors);
    afterStart.run();
    return "{\"pid\": %d}".formatted(process.pid());
  }

  private String status(long pid) throws IOException {
    Process process = processes.get(pid);
    if (process.isAlive()) {
      return "{\"exited\": false}";
    }
    byte[] errors = Files.readAllBytes(output.get(pid));
    Files.delete(output.remove(pid));
    // Java reports the end by a signal as a shell does.
    return "{\"exited\": true, \"exitcode\": %d, \"err-data\": \"%s\"}"
        .formatted(process.exitValue(), Base64.getEncoder().encodeToString(errors));
  }
}
