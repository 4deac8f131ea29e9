package org.microvm.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.microvm.linux.FailureText;
import org.microvm.spice.Clipboard;
import org.microvm.spice.Format;
import org.microvm.spice.Selection;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code microvm clipboard}: reads and writes the clipboard of a guest with a SPICE agent. */
@Command(
    name = "clipboard",
    description =
        "Gets and sets the clipboard of a guest in which spice-vdagent runs. The machine needs"
            + " --chardev qemu-vdagent,id=ID,clipboard=on and --device"
            + " virtserialport,chardev=ID,name=com.redhat.spice.0.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND")
final class ClipboardCommand {
  /** A guest can change its clipboard faster than a terminal or {@code less} shows it. */
  private static final int MAX_CHANGES = 256;

  @Command(
      name = "get",
      description = "Prints the contents; fails if they are not available in the format.",
      mixinStandardHelpOptions = true)
  int get(@Mixin ClipboardTarget target, @Mixin ClipboardContents contents) throws IOException {
    Selection from = contents.selection();
    Format wanted = contents.format();
    try (Clipboard clipboard = target.connect()) {
      Optional<byte[]> bytes = clipboard.get(from, wanted, target.limit());
      if (bytes.isEmpty()) {
        throw new IOException(
            "the %s of %s has no %s, or no agent runs in the guest"
                .formatted(describe(from), target.name(), wanted.text()));
      }
      try (OutputStream output = StandardStream.output()) {
        output.write(bytes.get());
      }
    }
    return 0;
  }

  private static String describe(Selection selection) {
    return selection == Selection.CLIPBOARD ? "clipboard" : "selection '" + selection.text() + "'";
  }

  @Command(
      name = "set",
      description =
          "Sets the contents from standard input. The machine keeps them, for the guest's programs"
              + " to paste, until something else is copied.",
      mixinStandardHelpOptions = true)
  int set(@Mixin ClipboardTarget target, @Mixin ClipboardContents contents) throws IOException {
    Selection to = contents.selection();
    Format format = contents.format();
    CompletableFuture<Void> kept = new CompletableFuture<>();
    try (Clipboard clipboard = target.connect()) {
      // Before standard input is read, which may stay open: a machine that does not exist is
      // reported at once.
      Map<Format, byte[]> given = Map.of(format, input());
      await(clipboard.connected(), target.limit());
      await(clipboard.settle(to), target.limit());
      clipboard.set(to, given);
      // The machine offers what it keeps.
      clipboard.watch(
          (changed, formats) -> {
            if (changed == to && formats.equals(given.keySet())) {
              kept.complete(null);
            }
          });
      await(kept, target.limit());
    }
    return 0;
  }

  private static byte[] input() throws IOException {
    try (InputStream input = new FileInputStream(FileDescriptor.in)) {
      byte[] contents = input.readNBytes(Clipboard.MAX_BYTES + 1);
      if (contents.length == 0) {
        throw new UsageException("standard input is empty");
      }
      if (contents.length > Clipboard.MAX_BYTES) {
        throw new UsageException(
            "standard input has more than %d bytes".formatted(Clipboard.MAX_BYTES));
      }
      return contents;
    } catch (IOException e) {
      throw new IOException("standard input cannot be read: " + FailureText.of(e), e);
    }
  }

  private static void await(CompletableFuture<Void> future, Duration limit) throws IOException {
    try {
      future.get(TimeUnit.NANOSECONDS.convert(limit), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new IOException(
          "the machine did not take the contents within %d s".formatted(limit.toSeconds()), e);
    } catch (ExecutionException e) {
      throw new IOException(e.getCause().getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** A change that is printed; without a selection the connection has ended. */
  private record Change(Selection selection, Set<Format> formats) {
    JsonNode toJson() {
      ObjectNode node = JsonNodeFactory.instance.objectNode().put("selection", selection.text());
      ArrayNode list = node.putArray("formats");
      formats.stream().map(Format::text).sorted().forEach(list::add);
      return node;
    }
  }

  @Command(
      name = "watch",
      description =
          "Prints the current state of the clipboard, then a line for each change: the"
              + " selection and the available formats, or no format if the selection is"
              + " empty.",
      mixinStandardHelpOptions = true)
  int watch(
      @Mixin ClipboardTarget target,
      @Option(
              names = "--count",
              paramLabel = "N",
              description = "end after N lines (default: when the machine ends)")
          Integer count,
      @Option(names = "--json", description = "print each change as a line of JSON") boolean json)
      throws IOException, InterruptedException {
    if (count != null && count < 1) {
      throw new UsageException("--count must be at least 1, not " + count);
    }
    BlockingQueue<Change> changes = new ArrayBlockingQueue<>(MAX_CHANGES);
    try (Clipboard clipboard = target.connect();
        MachineEndWatch end = target.watchEnd()) {
      clipboard.watch((selection, formats) -> put(changes, new Change(selection, formats)));
      awaitAgent(clipboard, end, target);
      // Not on the thread that closes the clipboard, which would wait for itself.
      clipboard.closed().thenRunAsync(() -> put(changes, new Change(null, Set.of())));
      for (int i = 0; count == null || i < count; i++) {
        Change change = changes.take();
        if (change.selection() == null) {
          checkEnd(end, target);
          return 0;
        }
        System.out.println(
            json ? change.toJson() : change.selection().text() + ": " + text(change.formats()));
        if (System.out.checkError()) {
          return Main.FAILED;
        }
      }
    }
    return 0;
  }

  /** Waits while there are many, so that nothing more is read from the machine. */
  private static void put(BlockingQueue<Change> changes, Change change) {
    try {
      changes.put(change);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String text(Set<Format> formats) {
    return formats.isEmpty()
        ? "none"
        : formats.stream().map(Format::text).collect(Collectors.joining(" "));
  }

  @Command(
      name = "share",
      description =
          "Shares the clipboard of this desktop with the guest, until it is interrupted: text, by"
              + " wl-copy and wl-paste on Wayland, and by xclip otherwise.",
      mixinStandardHelpOptions = true)
  int share(@Mixin ClipboardTarget target) throws IOException, InterruptedException {
    DesktopClipboard desktop = DesktopClipboard.ofUser(System.getenv());
    try (Clipboard clipboard = target.connect();
        MachineEndWatch end = target.watchEnd()) {
      awaitAgent(clipboard, end, target);
      new ClipboardShare(clipboard, desktop).run();
      checkEnd(end, target);
    }
    return 0;
  }

  /** Waits for the agent. If the machine has closed the connection first, its end is the error. */
  private static void awaitAgent(Clipboard clipboard, MachineEndWatch end, ClipboardTarget target)
      throws IOException {
    try {
      await(clipboard.connected(), target.limit());
    } catch (IOException e) {
      // The future fails only if the connection is closed.
      if (end == null || !(e.getCause() instanceof ExecutionException)) {
        throw e;
      }
      checkEnd(end, target);
    }
  }

  /** Throws if the machine that has closed the connection has failed, or has not ended. */
  private static void checkEnd(MachineEndWatch end, ClipboardTarget target) throws IOException {
    if (end != null) {
      end.check(target.name(), "clipboard");
    }
  }
}
