package org.microvm.cli.named;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.DateTimeException;
import java.time.Instant;
import org.microvm.qmp.JsonText;

/**
 * What is known about a machine without asking it.
 *
 * @param pid of its process
 * @param started when that process started the machine
 * @param memory guest RAM in bytes
 * @param cpus number of vCPUs
 * @param kernel file of the guest's kernel
 * @param detached whether the process runs in the background
 */
public record Description(
    long pid, Instant started, long memory, int cpus, String kernel, boolean detached) {

  /** {@return the description as a JSON object} */
  public ObjectNode toJson() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("pid", pid)
        .put("started", started.toString())
        .put("memory", memory)
        .put("vcpus", cpus)
        .put("kernel", kernel)
        .put("detached", detached);
  }

  /** Writes the file at once, so that no reader sees a part of it. */
  void write(Path file) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Files.writeString(part, JsonText.pretty(toJson()) + "\n");
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
  }

  /**
   * Reads the file.
   *
   * @throws IOException if it is missing or damaged
   */
  static Description read(Path file) throws IOException {
    JsonNode json = new ObjectMapper().readTree(file.toFile());
    try {
      return new Description(
          json.path("pid").asLong(),
          Instant.parse(json.path("started").asText()),
          json.path("memory").asLong(),
          json.path("vcpus").asInt(),
          json.path("kernel").asText(),
          json.path("detached").asBoolean());
    } catch (DateTimeException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }
}
