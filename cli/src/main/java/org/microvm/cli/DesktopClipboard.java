package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.microvm.spice.Clipboard;

/**
 * The text of the clipboard of the desktop that this process runs on, by two programs.
 *
 * @param paste prints the text, and fails if there is none
 * @param copy reads the text from its standard input
 */
record DesktopClipboard(List<String> paste, List<String> copy) {
  private static final DesktopClipboard WAYLAND =
      new DesktopClipboard(
          List.of("wl-paste", "--no-newline", "--type", "text/plain;charset=utf-8"),
          List.of("wl-copy", "--type", "text/plain;charset=utf-8"));

  private static final DesktopClipboard X11 =
      new DesktopClipboard(
          List.of("xclip", "-selection", "clipboard", "-target", "UTF8_STRING", "-out"),
          List.of("xclip", "-selection", "clipboard", "-target", "UTF8_STRING", "-in"));

  /**
   * Returns the desktop of an environment.
   *
   * @throws IOException if there is no desktop, or its programs are not installed
   */
  static DesktopClipboard ofUser(Map<String, String> environment) throws IOException {
    String wayland = environment.getOrDefault("WAYLAND_DISPLAY", "");
    if (wayland.isEmpty() && environment.getOrDefault("DISPLAY", "").isEmpty()) {
      throw new IOException(
          "share: neither WAYLAND_DISPLAY nor DISPLAY is set: there is no desktop");
    }
    String path = environment.getOrDefault("PATH", "/usr/bin:/bin");
    if (!wayland.isEmpty() && isInstalled("wl-paste", path) && isInstalled("wl-copy", path)) {
      return WAYLAND;
    }
    if (isInstalled("xclip", path) && !environment.getOrDefault("DISPLAY", "").isEmpty()) {
      return X11;
    }
    throw new IOException(
        "share: %s is not installed".formatted(wayland.isEmpty() ? "xclip" : "wl-clipboard"));
  }

  private static boolean isInstalled(String program, String path) {
    for (String directory : path.split(":")) {
      if (!directory.isEmpty() && Files.isExecutable(Path.of(directory, program))) {
        return true;
      }
    }
    return false;
  }

  /** Returns the text; empty if there is none, or if it is larger than a clipboard may be. */
  Optional<byte[]> read() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(paste)
            .redirectInput(Redirect.from(Path.of("/dev/null").toFile()))
            .redirectError(Redirect.DISCARD)
            .start();
    byte[] text;
    try (InputStream output = process.getInputStream()) {
      text = output.readNBytes(Clipboard.MAX_BYTES + 1);
    }
    boolean succeeded = process.waitFor() == 0;
    return succeeded && text.length > 0 && text.length <= Clipboard.MAX_BYTES
        ? Optional.of(text)
        : Optional.empty();
  }

  /** Replaces the text. */
  void write(byte[] text) throws IOException, InterruptedException {
    // The output is not read: both programs leave a process behind that serves the text and keeps
    // the output open.
    Process process =
        new ProcessBuilder(copy)
            .redirectOutput(Redirect.DISCARD)
            .redirectError(Redirect.DISCARD)
            .start();
    try (OutputStream input = process.getOutputStream()) {
      input.write(text);
    }
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", copy) + " failed");
    }
  }
}
