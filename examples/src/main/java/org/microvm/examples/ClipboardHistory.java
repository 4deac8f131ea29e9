package org.microvm.examples;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import org.microvm.linux.PlainText;
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
    // Texts that are replaced sooner than read are skipped.
    Semaphore changes = new Semaphore(0);
    clipboard.watch(
        (selection, formats) -> {
          if (selection == Selection.CLIPBOARD && formats.contains(Format.TEXT)) {
            changes.release();
          }
        });
    CompletableFuture<Void> closed = clipboard.closed();
    closed.thenRun(changes::release);
    while (true) {
      changes.acquire();
      changes.drainPermits();
      if (closed.isDone()) {
        return;
      }
      try {
        Optional<byte[]> text = clipboard.request(Selection.CLIPBOARD, Format.TEXT).get();
        text.ifPresent(bytes -> out.println(shown(new String(bytes, StandardCharsets.UTF_8))));
      } catch (ExecutionException e) {
        System.err.println(e.getCause().getMessage());
      }
    }
  }

  /** The guest determines the text, and a terminal may show it. */
  private static String shown(String text) {
    return PlainText.of(text, "\n\t");
  }
}
