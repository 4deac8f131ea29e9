package org.microvm.cli;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.microvm.spice.Clipboard;
import org.microvm.spice.Format;
import org.microvm.spice.Selection;

/**
 * Copies text between the clipboard of a desktop and that of a guest. The desktop's programs report
 * no changes, so they are asked twice a second.
 */
final class ClipboardShare {
  private static final long POLL_MILLIS = 500;

  private final Clipboard guest;
  private final DesktopClipboard desktop;

  /** Gets an element when the guest offers text, or when the connection has ended. */
  private final BlockingQueue<Boolean> events = new LinkedBlockingQueue<>(1);

  /** The text that both sides have, as far as this process knows. */
  private byte[] known = {};

  ClipboardShare(Clipboard guest, DesktopClipboard desktop) {
    this.guest = guest;
    this.desktop = desktop;
  }

  /** Copies until the connection ends. */
  void run() throws IOException, InterruptedException {
    guest.watch(
        (selection, formats) -> {
          if (selection == Selection.CLIPBOARD && formats.contains(Format.TEXT)) {
            events.offer(true);
          }
        });
    if (guest.offered(Selection.CLIPBOARD).contains(Format.TEXT)) {
      events.offer(true);
    }
    guest.closed().thenRun(() -> events.offer(false));
    while (!guest.closed().isDone()) {
      if (Boolean.TRUE.equals(events.poll(POLL_MILLIS, TimeUnit.MILLISECONDS))) {
        toDesktop();
      }
      toGuest();
    }
  }

  private void toDesktop() throws IOException, InterruptedException {
    Optional<byte[]> text =
        guest.request(Selection.CLIPBOARD, Format.TEXT).exceptionally(_ -> Optional.empty()).join();
    if (text.isPresent() && !Arrays.equals(text.get(), known)) {
      known = text.get();
      desktop.write(known);
    }
  }

  private void toGuest() throws IOException, InterruptedException {
    Optional<byte[]> text = desktop.read();
    if (text.isPresent() && !Arrays.equals(text.get(), known)) {
      known = text.get();
      guest.set(Selection.CLIPBOARD, Map.of(Format.TEXT, known));
    }
  }
}
