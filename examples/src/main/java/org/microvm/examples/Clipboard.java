package org.microvm.examples;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** A clipboard that holds text. */
interface Clipboard {
  /** Returns the clipboard's text, empty if there is none. */
  String read() throws IOException;

  /** Replaces the clipboard's text. */
  void write(String text) throws IOException;

  /**
   * A clipboard that is a file.
   *
   * @param path the file, which need not exist yet
   */
  record OfFile(Path path) implements Clipboard {
    @Override
    public String read() throws IOException {
      return Files.exists(path) ? new String(Files.readAllBytes(path), StandardCharsets.UTF_8) : "";
    }

    @Override
    public void write(String text) throws IOException {
      // Renamed when complete, so that no reader sees half a text.
      Path whole = path.resolveSibling(path.getFileName() + ".new");
      Files.writeString(whole, text);
      Files.move(whole, path, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  /**
   * The clipboard of a desktop, accessed by two commands such as {@code xclip -selection clipboard
   * -o} and {@code -i}, or {@code wl-paste -n} and {@code wl-copy}.
   *
   * @param paste the command that prints the text and fails if there is none
   * @param copy the command that reads the text from its standard input
   */
  record OfCommands(List<String> paste, List<String> copy) implements Clipboard {
    @Override
    public String read() throws IOException {
      Process process = start(paste, Redirect.PIPE);
      process.getOutputStream().close();
      byte[] text = process.getInputStream().readAllBytes();
      return succeeds(process) ? new String(text, StandardCharsets.UTF_8) : "";
    }

    @Override
    public void write(String text) throws IOException {
      // The command's output is not read: xclip leaves a process behind that serves the text and
      // keeps the output open.
      Process process = start(copy, Redirect.DISCARD);
      try (OutputStream input = process.getOutputStream()) {
        input.write(text.getBytes(StandardCharsets.UTF_8));
      }
      if (!succeeds(process)) {
        throw new IOException(String.join(" ", copy) + " failed");
      }
    }

    private static Process start(List<String> command, Redirect output) throws IOException {
      return new ProcessBuilder(command)
          .redirectOutput(output)
          .redirectError(Redirect.DISCARD)
          .start();
    }

    private static boolean succeeds(Process process) throws IOException {
      try {
        return process.waitFor() == 0;
      } catch (InterruptedException e) {
        process.destroy();
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while waiting for a clipboard command", e);
      }
    }
  }
}
