package org.microvm.spice;

import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** Reads the peer's messages about clipboards. Used by the thread that reads. */
final class Incoming implements MessageReader.Sink {
  /** The most bytes of a message without contents; longer ones are ignored. */
  private static final int MAX_SMALL = 1024;

  private final ClipboardExchange exchange;
  private final Session session;

  Incoming(ClipboardExchange exchange, Session session) {
    this.exchange = exchange;
    this.session = session;
  }

  @Override
  public boolean wants(int type, long size) {
    return switch (type) {
      case Wire.CLIPBOARD -> size <= mostWithContents() && exchange.expectsContents();
      case Wire.ANNOUNCE_CAPABILITIES,
          Wire.CLIPBOARD_GRAB,
          Wire.CLIPBOARD_REQUEST,
          Wire.CLIPBOARD_RELEASE ->
          size <= MAX_SMALL;
      default -> false;
    };
  }

  /** The most bytes of a message with contents; a selection or none and a format come first. */
  private long mostWithContents() {
    int words = session.namesSelections() ? 2 : 1;
    return (long) words * Integer.BYTES + Clipboard.MAX_BYTES;
  }

  @Override
  public void message(int type, ByteBuffer body) {
    if (type == Wire.ANNOUNCE_CAPABILITIES) {
      announced(body);
      return;
    }
    Selection selection = selection(body);
    if (selection == null) {
      return;
    }
    switch (type) {
      case Wire.CLIPBOARD_GRAB -> exchange.peerGrabbed(session, selection, formats(body));
      case Wire.CLIPBOARD_RELEASE -> exchange.peerReleased(selection);
      case Wire.CLIPBOARD_REQUEST -> requested(selection, body);
      default -> contents(selection, body);
    }
  }

  @Override
  public void unwanted(int type, long size, ByteBuffer prefix) {
    if (type != Wire.CLIPBOARD || size <= mostWithContents()) {
      return;
    }
    Selection selection = selection(prefix);
    Format format = prefix.remaining() < Integer.BYTES ? null : Format.of(prefix.getInt());
    if (selection != null && format != null) {
      CompletableFuture<?> future = exchange.expected(selection, format);
      if (future != null) {
        future.completeExceptionally(
            new ClipboardException(
                "the contents have more than %d bytes".formatted(Clipboard.MAX_BYTES)));
      }
    }
  }

  private void announced(ByteBuffer body) {
    if (body.remaining() < Integer.BYTES) {
      return;
    }
    boolean request = body.getInt() != 0;
    boolean first = !session.isAnnounced();
    int capabilities = body.remaining() < Integer.BYTES ? 0 : body.getInt();
    if (request) {
      session.announce(false);
    }
    if (first || request) {
      exchange.peerStarted(session, capabilities);
    } else {
      session.announced(capabilities);
    }
  }

  /**
   * Reads the selection; null if there is no such selection, or the peer has not announced its
   * capabilities.
   */
  private Selection selection(ByteBuffer body) {
    if (!session.isAnnounced()) {
      return null;
    }
    if (!session.namesSelections()) {
      return Selection.CLIPBOARD;
    }
    if (!body.hasRemaining()) {
      return null;
    }
    int number = body.get(body.position()) & 0xff;
    // spice-vdagentd ends a release after the first byte when its session ends.
    body.position(Math.min(body.limit(), body.position() + Integer.BYTES));
    return Selection.of(number);
  }

  private static Set<Format> formats(ByteBuffer body) {
    Set<Format> formats = EnumSet.noneOf(Format.class);
    while (body.remaining() >= Integer.BYTES) {
      Format format = Format.of(body.getInt());
      if (format != null) {
        formats.add(format);
      }
    }
    return formats;
  }

  private void requested(Selection selection, ByteBuffer body) {
    if (body.remaining() < Integer.BYTES) {
      return;
    }
    Outbox.Request request = new Outbox.Request(selection, body.getInt());
    try {
      if (session.owe(request)) {
        exchange.answer(session, selection, request.format());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      session.close();
    }
  }

  private void contents(Selection selection, ByteBuffer body) {
    if (body.remaining() < Integer.BYTES) {
      return;
    }
    int number = body.getInt();
    Format format = Format.of(number);
    if (format == null && number != Wire.NO_FORMAT) {
      return;
    }
    CompletableFuture<Optional<byte[]>> future = exchange.expected(selection, format);
    if (future != null) {
      byte[] contents = new byte[body.remaining()];
      body.get(contents);
      future.complete(contents.length == 0 ? Optional.empty() : Optional.of(contents));
    }
  }
}
