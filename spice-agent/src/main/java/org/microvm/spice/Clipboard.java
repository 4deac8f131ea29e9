package org.microvm.spice;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One end of a shared clipboard: it offers contents to the peer, and gets those that the peer
 * offers. The peer is the agent in a guest, or the process of a machine ({@link ClipboardHub}).
 *
 * <p>Contents are sent when somebody pastes them, so an offer needs this end to stay connected. An
 * offer survives the connection: a peer that connects again gets it again.
 *
 * <p>Thread-safe. Listeners and the dependents of futures run on the thread that reads, and must
 * not wait for the peer.
 */
public final class Clipboard implements AutoCloseable {
  /** The most bytes of one selection in one format: 10 MiB. Larger contents are refused. */
  public static final int MAX_BYTES = 10 << 20;

  private static final Logger LOG = LoggerFactory.getLogger(Clipboard.class);

  /** The most answers that a peer may have waiting, since it may not read them. */
  private static final int MOST_OWED = 8;

  private static final int READ_BYTES = 32 * 1024;

  /** After this time a request is sent again if its contents are asked for again. */
  private static final long REPEAT_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final int mostOwed;
  private final CompletableFuture<Void> whenClosed = new CompletableFuture<>();
  private final List<Listener> listeners = new CopyOnWriteArrayList<>();

  // The following are guarded by this.
  private final Map<Selection, Offer> mine = new EnumMap<>(Selection.class);
  private final Map<Selection, Set<Format>> theirs = new EnumMap<>(Selection.class);
  private final Map<Request, Pending> pending = new LinkedHashMap<>();
  private CompletableFuture<Void> connected = new CompletableFuture<>();
  private Session session;
  private boolean closed;

  private record Offer(Set<Format> formats, Source source) {}

  private record Request(Selection selection, Format format) {}

  private record Pending(CompletableFuture<Optional<byte[]>> future, long since) {}

  /** Where offered contents come from. */
  @FunctionalInterface
  public interface Source {
    /**
     * Gets contents that somebody pastes.
     *
     * @param format one of the offered formats
     * @return a future with the contents, at most {@link Clipboard#MAX_BYTES}; an empty one, or one
     *     that fails, tells the peer that there are none
     */
    CompletableFuture<Optional<byte[]>> read(Format format);
  }

  /** Is told what the peer does. */
  @FunctionalInterface
  public interface Listener {
    /**
     * The peer offers other contents, or none any more.
     *
     * @param selection the selection
     * @param formats the formats of the contents; empty if there are none
     */
    void changed(Selection selection, Set<Format> formats);
  }

  /** Creates a clipboard without a connection; see {@link #serve}. */
  public Clipboard() {
    this(MOST_OWED);
  }

  Clipboard(int mostOwed) {
    this.mostOwed = mostOwed;
  }

  /**
   * Connects a clipboard, and reads on a thread of its own.
   *
   * @param channel a blocking channel, which the clipboard closes; for a port of a machine in this
   *     process an open channel, for one with a unix socket the socket
   * @return the clipboard, which the caller closes
   */
  public static Clipboard over(ByteChannel channel) {
    Clipboard clipboard = new Clipboard();
    Thread.ofPlatform()
        .daemon()
        .name("clipboard-reader")
        .start(
            () -> {
              try {
                clipboard.serve(channel);
              } catch (ClipboardException e) {
                LOG.warn("clipboard: the peer sent {}", e.getMessage());
              } finally {
                clipboard.close();
              }
            });
    return clipboard;
  }

  /**
   * Connects a clipboard to a unix socket.
   *
   * @param socket of a chardev that an agent's port uses, or of a machine with a clipboard
   * @return the clipboard, which the caller closes
   * @throws IOException if nobody listens there
   */
  public static Clipboard connect(Path socket) throws IOException {
    try {
      return over(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
    } catch (IOException e) {
      throw new IOException("cannot connect to " + socket + ": " + e.getMessage(), e);
    }
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
    synchronized (this) {
      if (session != null) {
        throw new IllegalStateException("the clipboard has a connection");
      }
      if (closed) {
        used.close();
        return;
      }
      session = used;
    }
    try {
      used.start();
      MessageReader reader = new MessageReader(new Incoming(this, used));
      ByteBuffer bytes = ByteBuffer.allocateDirect(READ_BYTES);
      while (channel.read(bytes) >= 0) {
        reader.read(bytes.flip());
        bytes.clear();
      }
    } catch (ClipboardException e) {
      throw e;
    } catch (IOException e) {
      LOG.debug("clipboard: the connection ended: {}", e.getMessage());
    } finally {
      used.close();
      ended();
    }
  }

  /**
   * {@return a future that completes once the peer has said what it can do, and fails if this
   * clipboard is closed first} After the end of a connection this method returns a new future.
   */
  public synchronized CompletableFuture<Void> connected() {
    return connected.copy();
  }

  /**
   * {@return a future that completes when this clipboard is closed, or by itself as by {@link
   * #over}}
   */
  public CompletableFuture<Void> closed() {
    return whenClosed.copy();
  }

  /**
   * Offers contents, in the place of what either side has offered.
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
   * Offers contents that are read when somebody pastes them.
   *
   * @param selection the selection
   * @param formats what the source has
   * @param source of the contents; called on the thread that reads
   * @throws IllegalArgumentException if there are no formats
   */
  public void offer(Selection selection, Set<Format> formats, Source source) {
    if (formats.isEmpty()) {
      throw new IllegalArgumentException("nothing is offered");
    }
    synchronized (this) {
      mine.put(selection, new Offer(EnumSet.copyOf(formats), source));
      theirs.remove(selection);
      if (session != null && session.isAnnounced()) {
        session.grab(selection, formats);
      }
    }
  }

  /**
   * Withdraws what this end offers; does nothing if it offers nothing.
   *
   * @param selection the selection
   */
  public synchronized void clear(Selection selection) {
    if (mine.remove(selection) != null && session != null && session.isAnnounced()) {
      session.release(selection);
    }
  }

  /**
   * {@return the formats that the peer offers; empty if it offers nothing}
   *
   * @param selection the selection
   */
  public synchronized Set<Format> offered(Selection selection) {
    return Set.copyOf(theirs.getOrDefault(selection, Set.of()));
  }

  /**
   * Asks the peer for contents. Two requests for the same contents get the same answer.
   *
   * @param selection the selection
   * @param format the format
   * @return a future with the contents; empty if the peer has none in this format or they are too
   *     large for it; fails with {@link ClipboardException} if they are too large for this end, or
   *     if the connection ends
   */
  public CompletableFuture<Optional<byte[]>> request(Selection selection, Format format) {
    Request request = new Request(selection, format);
    synchronized (this) {
      if (session == null || !session.isAnnounced()) {
        return CompletableFuture.failedFuture(
            new ClipboardException("no agent is connected to the clipboard"));
      }
      long now = System.nanoTime();
      Pending earlier = pending.get(request);
      if (earlier != null && now - earlier.since() < REPEAT_NANOS) {
        return earlier.future().copy();
      }
      if (!session.request(selection, format)) {
        return CompletableFuture.completedFuture(Optional.empty());
      }
      CompletableFuture<Optional<byte[]>> future =
          earlier == null ? new CompletableFuture<>() : earlier.future();
      pending.put(request, new Pending(future, now));
      return future.copy();
    }
  }

  /**
   * Waits for what the peer has sent before it read this message. An offer made after that is newer
   * than those of the peer, in whatever order the two cross.
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
    long deadline = System.nanoTime() + limit.toNanos();
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
   * Has a listener told about changes, and what the peer offers now.
   *
   * @param listener the listener, until the clipboard is closed
   */
  public void watch(Listener listener) {
    Map<Selection, Set<Format>> now;
    synchronized (this) {
      listeners.add(listener);
      now = Map.copyOf(theirs);
    }
    now.forEach(listener::changed);
  }

  /** Ends the connection, and with it what this end offers. */
  @Override
  public void close() {
    Session used;
    synchronized (this) {
      closed = true;
      used = session;
      connected.completeExceptionally(new ClipboardException("the clipboard is closed"));
    }
    if (used != null) {
      used.close();
    }
    whenClosed.complete(null);
  }

  // What follows is called on the thread that reads, without the lock.

  /** The peer has said what it can do, for the first time or because it has started again. */
  void peerStarted(Session used) {
    forget(new ClipboardException("the agent has started again"));
    CompletableFuture<Void> now;
    synchronized (this) {
      used.limit(MAX_BYTES);
      mine.forEach((selection, offer) -> used.grab(selection, offer.formats()));
      now = connected;
    }
    now.complete(null);
  }

  void peerGrabbed(Session used, Selection selection, Set<Format> formats) {
    synchronized (this) {
      mine.remove(selection);
      used.lost(selection);
      theirs.put(selection, formats);
    }
    tell(selection, formats);
  }

  void peerReleased(Selection selection) {
    boolean had;
    synchronized (this) {
      had = theirs.remove(selection) != null;
    }
    if (had) {
      tell(selection, Set.of());
    }
  }

  /** Returns the contents that the peer requests; an empty future if they are not offered. */
  CompletableFuture<Optional<byte[]>> read(Selection selection, Format format) {
    Offer offer;
    synchronized (this) {
      offer = mine.get(selection);
    }
    return offer == null || !offer.formats().contains(format)
        ? CompletableFuture.completedFuture(Optional.empty())
        : offer.source().read(format);
  }

  /** Returns whether contents are expected. */
  synchronized boolean expectsContents() {
    return !pending.isEmpty();
  }

  /**
   * Returns the request that contents belong to.
   *
   * @param format null for any: the oldest request
   * @return null if there is none
   */
  synchronized CompletableFuture<Optional<byte[]>> expected(Selection selection, Format format) {
    for (var entry = pending.entrySet().iterator(); entry.hasNext(); ) {
      var next = entry.next();
      if (next.getKey().selection() == selection
          && (format == null || next.getKey().format() == format)) {
        entry.remove();
        return next.getValue().future();
      }
    }
    return null;
  }

  private void ended() {
    synchronized (this) {
      session = null;
      if (connected.isDone() && !closed) {
        connected = new CompletableFuture<>();
      }
    }
    forget(new ClipboardException("the connection to the clipboard has ended"));
  }

  /** Forgets what the peer offers and owes. */
  private void forget(ClipboardException reason) {
    List<Pending> failed;
    List<Selection> gone;
    synchronized (this) {
      failed = List.copyOf(pending.values());
      pending.clear();
      gone = List.copyOf(theirs.keySet());
      theirs.clear();
    }
    failed.forEach(one -> one.future().completeExceptionally(reason));
    gone.forEach(selection -> tell(selection, Set.of()));
  }

  private void tell(Selection selection, Set<Format> formats) {
    for (Listener listener : listeners) {
      listener.changed(selection, formats);
    }
  }
}
