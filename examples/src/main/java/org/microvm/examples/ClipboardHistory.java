package org.microvm.examples;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import org.microvm.spice.Clipboard;
import org.microvm.spice.Format;
import org.microvm.spice.Selection;

/** Prints each text that is copied in a guest, in which the SPICE agent runs. */
public final class ClipboardHistory {
  private ClipboardHistory() {}

  /** Runs until the machine ends. */
  public static void main(String[] args) throws Exception {
    if (args.length != 1) {
      System.err.println("usage: clipboard-history SOCKET");
      System.exit(2);
    }
    try (Clipboard clipboard = Clipboard.connect(Path.of(args[0]))) {
      run(clipboard, System.out);
    }
  }

  static void run(Clipboard clipboard, PrintStream out) throws IOException, InterruptedException {
    // true for a new text, false for the end. Texts that are replaced sooner than read are skipped.
    BlockingQueue<Boolean> events = new LinkedBlockingQueue<>(1);
    clipboard.watch(
        (selection, formats) -> {
          if (selection == Selection.CLIPBOARD && formats.contains(Format.TEXT)) {
            events.offer(true);
          }
        });
    clipboard.closed().thenRun(() -> events.offer(false));
    while (events.take()) {
      try {
        Optional<byte[]> text = clipboard.request(Selection.CLIPBOARD, Format.TEXT).get();
        text.ifPresent(bytes -> out.println(new String(bytes, StandardCharsets.UTF_8)));
      } catch (ExecutionException e) {
        System.err.println(e.getCause().getMessage());
      }
    }
  }
}
