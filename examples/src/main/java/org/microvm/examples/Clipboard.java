package org.microvm.examples;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A clipboard with text. */
interface Clipboard {
  /** The text that is in it; empty if there is none. */
  String read() throws IOException;

  /** Puts a text into it. */
  void write(String text) throws IOException;

  /**
   * A file.
   *
   * @param path which one; it need not be there yet
   */
  record OfFile(Path path) implements Clipboard {
    @Override
    public String read() throws IOException {
      return Files.exists(path) ? new String(Files.readAllBytes(path), StandardCharsets.UTF_8) : "";
    }

    @Override
    public void write(String text) throws IOException {
      // A rename, so that nobody reads half a text.
      Path whole = path.resolveSibling(path.getFileName() + ".new");
      Files.writeString(whole, text);
      Files.move(whole, path, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  /**
   * A desktop's, by two commands, such as {@code xclip -selection clipboard -o} and {@code -i}, or
   * {@code wl-paste -n} and {@code wl-copy}.
   *
   * @param paste prints the text, and fails if there is none
   * @param copy takes the text from its standard input
   */
  record OfCommands(List<String> paste, List<String> copy) implements Clipboard {
    @Override
    public String read() throws IOException {
      String text = run(paste, "");
      return text == null ? "" : text;
    }

    @Override
    public void write(String text) throws IOException {
      if (run(copy, text) == null) {
        throw new IOException(String.join(" ", copy) + " failed");
      }
    }

    /** The command's output, or null if it failed. */
    private static String run(List<String> command, String input) throws IOException {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      // A program that stays to serve the text (as xclip does) must not keep us: only paste's
      // output is of interest, and it ends.
      CompletableFuture<Void> feed =
          CompletableFuture.runAsync(
              () -> {
                try (var stream = process.getOutputStream()) {
                  stream.write(input.getBytes(StandardCharsets.UTF_8));
                } catch (IOException e) {
                  // It did not want all of it; its status tells whether that is a failure.
                }
              });
      try {
        String output =
            input.isEmpty()
                ? new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                : "";
        feed.join();
        return process.waitFor() == 0 ? output : null;
      } catch (InterruptedException e) {
        process.destroy();
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
  }
}
