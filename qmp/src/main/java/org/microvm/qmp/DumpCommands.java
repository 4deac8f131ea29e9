package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.qmp.QmpTarget.RunState;

/** The commands that write the guest's memory to a file, in QEMU's format elf. */
final class DumpCommands {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final String FILE = "file:";
  private static final String PASSED = "fd:";
  private static final String ELF = "elf";

  /** The other values of QMP's DumpGuestMemoryFormat. */
  private static final List<String> OTHER_FORMATS =
      List.of("kdump-zlib", "kdump-lzo", "kdump-snappy", "win-dmp");

  private final QmpTarget target;
  private final DescriptorCommands descriptors;
  private final QmpEvents events;

  /** The last dump, or null; written by the thread that dumps. */
  private volatile ObjectNode last;

  private volatile boolean running;

  DumpCommands(QmpTarget target, DescriptorCommands descriptors, QmpEvents events) {
    this.target = target;
    this.descriptors = descriptors;
    this.events = events;
  }

  void addTo(QmpCommands commands, CommandThreads threads) {
    commands.addSlow("dump-guest-memory", arguments -> dump(arguments, threads));
    commands.add("query-dump", this::query);
    commands.add("query-dump-guest-memory-capability", DumpCommands::queryFormats);
  }

  private static JsonNode queryFormats(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ObjectNode result = NODES.objectNode();
    result.putArray("formats").add(ELF);
    return result;
  }

  private JsonNode query(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ObjectNode present = last;
    return present == null ? progress("none", 0) : present.deepCopy();
  }

  private static ObjectNode progress(String status, long bytes) {
    return NODES.objectNode().put("status", status).put("completed", bytes).put("total", bytes);
  }

  private CompletableFuture<JsonNode> dump(QmpArguments arguments, CommandThreads threads)
      throws QmpException {
    boolean paging = arguments.flag("paging");
    String protocol = arguments.text("protocol");
    boolean detach = arguments.optionalFlag("detach").orElse(false);
    Optional<Long> begin = arguments.optionalNumber("begin");
    Optional<Long> length = arguments.optionalNumber("length");
    checkFormat(arguments.optionalText("format").orElse(ELF));
    arguments.finish();
    if (running) {
      throw QmpException.generic("There is a dump in process, please wait.");
    }
    if (begin.isPresent() != length.isPresent()) {
      throw QmpException.generic(
          "Parameter '%s' is missing", begin.isPresent() ? "length" : "begin");
    }
    if (paging || begin.isPresent()) {
      throw QmpException.generic(
          "Parameter '%s' is not supported: all of the memory is dumped, by guest-physical address",
          paging ? "paging" : "begin");
    }
    Fd file = file(protocol);
    running = true;
    if (detach) {
      begin(file);
      return CompletableFuture.completedFuture(null);
    }
    return begin(file, threads);
  }

  private CompletableFuture<JsonNode> begin(Fd file, CommandThreads threads) throws QmpException {
    try {
      return threads.begin(() -> dump(file));
    } catch (QmpException e) {
      running = false;
      file.close();
      throw e;
    }
  }

  private void begin(Fd file) throws QmpException {
    try {
      Thread.ofPlatform().daemon().name("memory-dump").start(() -> tryToDump(file));
    } catch (OutOfMemoryError noThread) {
      running = false;
      file.close();
      throw QmpException.generic("%s", noThread.getMessage());
    }
  }

  private static void checkFormat(String format) throws QmpException {
    if (OTHER_FORMATS.contains(format)) {
      throw QmpException.generic("the format '%s' is not supported; there is elf", format);
    }
    if (!format.equals(ELF)) {
      throw QmpException.generic("Parameter 'format' does not accept value '%s'", format);
    }
  }

  private Fd file(String protocol) throws QmpException {
    if (protocol.startsWith(PASSED)) {
      return descriptors.take(protocol.substring(PASSED.length()));
    }
    if (!protocol.startsWith(FILE)) {
      throw QmpException.generic("Invalid parameter 'protocol'");
    }
    return open(protocol.substring(FILE.length()));
  }

  /** Opens a file that is created or emptied. */
  static Fd open(String path) throws QmpException {
    try {
      return Fd.open(Path.of(path), Fd.WRITE_ONLY, Fd.CREATE, Fd.TRUNCATE, Fd.NON_BLOCKING);
    } catch (InvalidPathException e) {
      throw QmpException.generic("Could not open '%s': %s", path, e.getReason());
    } catch (ErrnoException e) {
      throw QmpException.generic("Could not open '%s': %s", path, Errno.describe(e.errno()));
    }
  }

  private void tryToDump(Fd file) {
    try {
      dump(file);
    } catch (QmpException e) {
      // The clients learn it from the event.
    }
  }

  /** Dumps the stopped guest, and resumes it afterwards if it ran before. */
  private void dump(Fd file) throws QmpException {
    long bytes = target.facts().memoryBytes();
    last = progress("active", bytes).put("completed", 0);
    try (file) {
      boolean ran = target.state() == RunState.RUNNING;
      if (ran) {
        target.pause();
      }
      try {
        target.dumpMemory(file);
        ended(progress("completed", bytes), null);
      } finally {
        if (ran) {
          target.resume();
        }
      }
    } catch (IOException e) {
      failed(bytes, e.getMessage());
      throw QmpException.generic("%s", e.getMessage());
    } catch (RuntimeException | Error e) {
      // The client waits for the event.
      failed(bytes, e.toString());
      throw e;
    } finally {
      running = false;
    }
  }

  private void failed(long bytes, String why) {
    ended(progress("failed", bytes).put("completed", 0), why);
  }

  private void ended(ObjectNode result, String error) {
    last = result;
    ObjectNode data = NODES.objectNode();
    data.set("result", result.deepCopy());
    if (error != null) {
      data.put("error", error);
    }
    events.emit("DUMP_COMPLETED", data);
  }
}
