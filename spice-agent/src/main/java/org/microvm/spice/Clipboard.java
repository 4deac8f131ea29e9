package org.microvm.spice;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.socket.UnixConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One end of a shared clipboard: it offers contents to the peer, and gets those that the peer
 * offers. The peer is the agent in a guest, or the process of a machine ({@link ClipboardHub}).
 *
 * <p>Contents are sent when they are pasted, so an offer needs this end to stay connected. An offer
 * survives the connection: a peer that connects again gets it again.
 *
 * <p>Thread-safe. Listeners, sources and the dependents of futures run on a thread that reads or
 * writes or on one that calls a method, and must not wait for the peer.
 */
public final class Clipboard implements AutoCloseable {
  /** The most bytes of one selection in one format: 10 MiB. Larger contents are refused. */
  public static final int MAX_BYTES = 10 << 20;

  private static final Logger LOG = LoggerFactory.getLogger(Clipboard.class);

  /** The most answers that a peer may have waiting, since it may not read them. */
  private static final int MAX_OWED = 8;

  private static final int READ_BYTES = 32 * 1024;

  private final int mostOwed;
  private final Silence silence = new Silence(System::nanoTime);
  private final CompletableFuture<Void> whenClosed = new CompletableFuture<>();
  private final ClipboardExchange exchange = new ClipboardExchange();

  /** Where offered contents come from. */
  @FunctionalInterface
  public interface Source {
    /**
     * Gets contents that are pasted.
     *
     * @param format one of the offered formats
     * @return a future with the contents, at most {@link Clipboard#MAX_BYTES}; if it is empty or
     *     fails, the peer receives the answer that there are no contents
     */
    CompletableFuture<Optional<byte[]>> read(Format format);
  }

  /** Receives the changes of the peer's offers: one call at a time, in order. */
  @FunctionalInterface
  public interface Listener {
    /**
     * The peer offers other contents, or none any more. If it changes them again while a call is in
     * progress, only the last change is reported.
     *
     * @param selection the selection
     * @param formats the formats of the contents; empty if there are none
     */
    void changed(Selection selection, Set<Format> formats);
  }

  /** Creates a clipboard without a connection; see {@link #serve}. */
  public Clipboard() {
    this(MAX_OWED);
  }

  Clipboard(int mostOwed) {
    this.mostOwed = mostOwed;
  }

  /**
   * Connects a clipboard, and reads on a separate thread.
   *
   * @param channel a blocking channel, which the clipboard closes; for a port of a machine in this
   *     process an open channel, for one with a unix socket the socket
   * @return the clipboard, which the caller closes
   */
  public static Clipboard over(ByteChannel channel) {
    Clipboard clipboard = new Clipboard();
    try {
      Thread.ofPlatform()
          .daemon()
          .name("clipboard-reader")
          .start(() -> clipboard.serveOnce(channel));
      return clipboard;
    } catch (Error e) {
      new Session(channel, MAX_OWED).close();
      throw e;
    }
  }

  private void serveOnce(ByteChannel channel) {
    try {
      serve(channel);
    } catch (ClipboardException e) {
      LOG.warn("clipboard: the peer sent {}", e.getMessage());
    } finally {
      close();
    }
  }

  /**
   * Connects a clipboard to a unix socket.
   *
   * @param socket of a chardev that an agent's port uses, or of a machine with a clipboard
   * @return the clipboard, which the caller closes
   * @throws IOException if no process listens there
   */
  public static Clipboard connect(Path socket) throws IOException {
    return over(UnixConnection.open(socket));
  }

  /**
   * Uses a connection until it ends. May be called again afterwards.
   *
   * @param channel a blocking channel, which is closed at the end
   * @throws ClipboardException if the peer violates the protocol
   * @throws IllegalStateException if another connection is in use
   */
  public void serve(ByteChannel channel) throws ClipboardException {
    Session used = new Session(channel, mostOwed);
    if (!exchange.begin(used)) {
      used.close();
      return;
    }
    try {
      used.start(request -> exchange.answer(used, request.selection(), request.format()));
      MessageReader reader = new MessageReader(new Incoming(exchange, used));
      ByteBuffer bytes = ByteBuffer.allocateDirect(READ_BYTES);
      while (channel.read(bytes) >= 0) {
        silence.broken();
        reader.read(bytes.flip());
        bytes.clear();
      }
    } catch (ClipboardException e) {
      throw e;
    } catch (IOException e) {
      LOG.debug("clipboard: the connection ended: {}", e.getMessage());
    } finally {
      used.close();
      exchange.ended();
    }
  }

  /**
   * {@return a future that completes once the peer has announced its capabilities, and fails if
   * this clipboard is closed first} After the end of a connection this method returns a new future.
   */
  public CompletableFuture<Void> connected() {
    return exchange.connected();
  }

  /**
   * {@return a future that completes when this clipboard is closed, or closes after the end of its
   * connection, as one of {@link #over} does}
   */
  public CompletableFuture<Void> closed() {
    return whenClosed.copy();
  }

  /**
   * Offers contents. They replace the offers of both sides.
   *
   * @param selection the selection
   * @param contents for each format; none is empty
   * @throws IllegalArgumentException if there are no contents, or more than {@link #MAX_BYTES}
   */
  public void set(Selection selection, Map<Format, byte[]> contents) {
    Map<Format, byte[]> kept = new EnumMap<>(Format.class);
    contents.forEach((format, bytes) -> kept.put(format, checked(bytes)));
    offer(
        selection,
        kept.keySet(),
        format -> CompletableFuture.completedFuture(Optional.ofNullable(kept.get(format))));
  }

  private static byte[] checked(byte[] contents) {
    if (contents.length == 0 || contents.length > MAX_BYTES) {
      throw new IllegalArgumentException(
          "the contents have %d bytes; accepted are 1 to %d".formatted(contents.length, MAX_BYTES));
    }
    return contents;
  }

  /**
   * Offers text in the selection {@link Selection#CLIPBOARD}.
   *
   * @param text is not empty
   * @throws IllegalArgumentException if it is empty, or has more than {@link #MAX_BYTES} in UTF-8
   */
  public void setText(String text) {
    set(Selection.CLIPBOARD, Map.of(Format.TEXT, text.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * Offers contents that are read when they are pasted.
   *
   * @param selection the selection
   * @param formats what the source has
   * @param source of the contents
   * @throws IllegalArgumentException if there are no formats
   */
  public void offer(Selection selection, Set<Format> formats, Source source) {
    if (formats.isEmpty()) {
      throw new IllegalArgumentException("an offer needs at least one format");
    }
    exchange.offer(selection, formats, source);
  }

  /**
   * Withdraws what this end offers; does nothing if it offers nothing.
   *
   * @param selection the selection
   */
  public void clear(Selection selection) {
    exchange.clear(selection);
  }

  /**
   * {@return the formats that the peer offers; empty if it offers nothing}
   *
   * @param selection the selection
   */
  public Set<Format> offered(Selection selection) {
    return exchange.offered(selection);
  }

  /** Whether the last offer came from the peer, even if only in unknown formats. */
  boolean isPeers(Selection selection) {
    return exchange.isPeers(selection);
  }

  /**
   * Requests contents from the peer. Two requests for the same contents get the same answer.
   *
   * @param selection the selection
   * @param format the format
   * @return a future with the contents; empty if the peer has none in this format or they are too
   *     large for it; fails with {@link ClipboardException} if they are too large for this end, or
   *     if the connection ends
   */
  public CompletableFuture<Optional<byte[]>> request(Selection selection, Format format) {
    return exchange.request(selection, format);
  }

  /**
   * Requests contents from the peer, and fails once the peer has sent nothing for some time. A slow
   * answer has no time limit as a whole.
   */
  CompletableFuture<Optional<byte[]>> request(Selection selection, Format format, Duration silent) {
    CompletableFuture<Optional<byte[]>> answer = request(selection, format);
    silence.limit(answer, silent);
    return answer;
  }

  /**
   * Waits for what the peer has sent before it read this message. An offer made after that is newer
   * than those of the peer, even if the two cross.
   *
   * @param selection the selection
   * @return a future that completes once the peer has answered
   */
  public CompletableFuture<Void> settle(Selection selection) {
    return request(selection, null).thenAccept(_ -> {});
  }

  /**
   * Gets contents from the peer.
   *
   * @param selection the selection
   * @param format the format
   * @param limit how long to wait for the peer
   * @return the contents; empty if the peer has none in this format
   * @throws IOException if they are too large, if the peer does not answer in time, or if the
   *     connection ends
   */
  public Optional<byte[]> get(Selection selection, Format format, Duration limit)
      throws IOException {
    long deadline = System.nanoTime() + TimeUnit.NANOSECONDS.convert(limit);
    await(connected(), deadline, "no agent is connected to the clipboard");
    return await(
        request(selection, format), deadline, "the clipboard's contents did not arrive in time");
  }

  /**
   * Gets the text of the selection {@link Selection#CLIPBOARD} from the peer.
   *
   * @param limit how long to wait for the peer
   * @return the text; bytes that are not UTF-8 are replaced; empty if the peer has no text
   * @throws IOException as {@link #get} does
   */
  public Optional<String> text(Duration limit) throws IOException {
    return get(Selection.CLIPBOARD, Format.TEXT, limit)
        .map(bytes -> new String(bytes, StandardCharsets.UTF_8));
  }

  private static <T> T await(CompletableFuture<T> future, long deadline, String late)
      throws IOException {
    try {
      return future.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new IOException(late, e);
    } catch (ExecutionException e) {
      throw new IOException(e.getCause().getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the clipboard");
    }
  }

  /**
   * Adds a listener for changes. It also receives what the peer offers now.
   *
   * @param listener the listener, until the clipboard is closed
   */
  public void watch(Listener listener) {
    exchange.watch(listener);
  }

  /** Ends the connection, and with it the offers of this end. */
  @Override
  public void close() {
    exchange.close();
    whenClosed.complete(null);
  }
}
