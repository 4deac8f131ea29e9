package org.microvm.cli;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.microvm.spice.Clipboard;
import org.microvm.spice.Format;
import org.microvm.spice.Selection;

/**
 * Copies text between the clipboard of a desktop and that of a guest. The desktop's programs report
 * no changes, so they run twice a second.
 */
final class ClipboardShare {
  private static final long POLL_MILLIS = 500;

  private final Clipboard guest;
  private final DesktopClipboard desktop;

  /**
   * Gets an element when there is something to do before the next look at the desktop's clipboard.
   */
  private final BlockingQueue<Boolean> wake = new LinkedBlockingQueue<>(1);

  private final AtomicBoolean offered = new AtomicBoolean();

  /** The pending request for the guest's text, which may take minutes; null if there is none. */
  private CompletableFuture<Optional<byte[]>> arriving;

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
            offered.set(true);
            wake.offer(true);
          }
        });
    guest.closed().thenRun(() -> wake.offer(true));
    while (!guest.closed().isDone()) {
      wake.poll(POLL_MILLIS, TimeUnit.MILLISECONDS);
      if (arriving != null && arriving.isDone()) {
        toDesktop(arriving.join());
        arriving = null;
      }
      if (arriving == null && offered.getAndSet(false)) {
        arriving =
            guest.request(Selection.CLIPBOARD, Format.TEXT).exceptionally(_ -> Optional.empty());
        arriving.thenRun(() -> wake.offer(true));
      }
      toGuest();
    }
  }

  private void toDesktop(Optional<byte[]> text) throws IOException, InterruptedException {
    if (text.isPresent() && !Arrays.equals(text.get(), known)) {
      known = text.get();
      desktop.write(known);
    }
  }

  private void toGuest() throws IOException, InterruptedException {
    Optional<byte[]> text = desktop.read();
    if (text.isPresent() && !Arrays.equals(text.get(), known)) {
      known = text.get();
      arriving = null;
      guest.set(Selection.CLIPBOARD, Map.of(Format.TEXT, known));
    }
  }
}
