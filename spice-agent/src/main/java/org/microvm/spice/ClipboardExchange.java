package org.microvm.spice;

import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The offers and requests of the two ends of a {@link Clipboard}. Thread-safe. No listener or
 * source is called and no future completed while the lock is held.
 */
final class ClipboardExchange {
  /**
   * After this time, another request for the same contents is sent to the peer instead of waiting
   * for the first one.
   */
  private static final long REPEAT_NANOS = TimeUnit.SECONDS.toNanos(5);

  private static final Logger LOG = LoggerFactory.getLogger(ClipboardExchange.class);
  private static final byte[] NOTHING = {};

  private final List<ListenerCalls> listeners = new CopyOnWriteArrayList<>();

  // The following are guarded by this.
  private final Map<Selection, Offer> mine = new EnumMap<>(Selection.class);
  private final Map<Selection, Set<Format>> theirs = new EnumMap<>(Selection.class);
  private final Map<Request, Pending> pending = new LinkedHashMap<>();
  private CompletableFuture<Void> connected = new CompletableFuture<>();
  private Session session;
  private boolean closed;

  private record Offer(Set<Format> formats, Clipboard.Source source) {}

  private record Request(Selection selection, Format format) {}

  private record Pending(CompletableFuture<Optional<byte[]>> future, long since) {}

  /**
   * Begins a connection.
   *
   * @return false if the clipboard is closed
   * @throws IllegalStateException if another connection is in use
   */
  synchronized boolean begin(Session used) {
    if (session != null) {
      throw new IllegalStateException("the clipboard is already connected");
    }
    if (!closed) {
      session = used;
    }
    return !closed;
  }

  /** Returns a future that completes once the peer has announced its capabilities. */
  synchronized CompletableFuture<Void> connected() {
    return connected.copy();
  }

  /** Offers contents to the peer. They replace the offers of both ends. */
  void offer(Selection selection, Set<Format> formats, Clipboard.Source source) {
    List<Integer> again = List.of();
    Session used;
    synchronized (this) {
      mine.put(selection, new Offer(EnumSet.copyOf(formats), source));
      theirs.remove(selection);
      used = session;
      if (used != null && used.isAnnounced()) {
        again = used.takeAnswers(selection);
        used.grab(selection, formats);
      }
    }
    again.forEach(format -> answer(used, selection, format));
  }

  /** Withdraws what this end offers. */
  synchronized void clear(Selection selection) {
    if (mine.remove(selection) != null && session != null && session.isAnnounced()) {
      session.release(selection);
    }
  }

  /** Returns the formats that the peer offers. */
  synchronized Set<Format> offered(Selection selection) {
    return Set.copyOf(theirs.getOrDefault(selection, Set.of()));
  }

  /** Returns whether the peer offers anything, in any format. */
  synchronized boolean isPeers(Selection selection) {
    return theirs.containsKey(selection);
  }

  /** Requests contents from the peer; see {@link Clipboard#request}. */
  CompletableFuture<Optional<byte[]>> request(Selection selection, Format format) {
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

  /** Adds a listener, which receives what the peer offers now and all later changes. */
  void watch(Clipboard.Listener listener) {
    ListenerCalls calls = new ListenerCalls(listener);
    synchronized (this) {
      listeners.add(calls);
      theirs.forEach(calls::add);
    }
    calls.run();
  }

  /** Ends the connection if there is one, and refuses others. */
  void close() {
    Session used;
    CompletableFuture<Void> waiting;
    synchronized (this) {
      closed = true;
      used = session;
      waiting = connected;
    }
    waiting.completeExceptionally(new ClipboardException("the clipboard is closed"));
    if (used != null) {
      used.close();
    }
  }

  /** Handles the peer's capabilities, which it announces at its start and after a restart. */
  void peerStarted(Session used, int capabilities) {
    List<Pending> failed;
    CompletableFuture<Void> now;
    synchronized (this) {
      failed = forget();
      // Under the same lock as the rest: an offer that is made now must not be sent twice.
      used.announced(capabilities);
      used.limit(Clipboard.MAX_BYTES);
      mine.forEach((selection, offer) -> used.grab(selection, offer.formats()));
      now = connected;
    }
    fail(failed, "the agent has started again");
    now.complete(null);
  }

  void peerGrabbed(Session used, Selection selection, Set<Format> formats) {
    // Every listener gets this set.
    Set<Format> fixed = Collections.unmodifiableSet(formats);
    synchronized (this) {
      mine.remove(selection);
      used.lost(selection);
      theirs.put(selection, fixed);
      changed(selection, fixed);
    }
    callListeners();
  }

  void peerReleased(Selection selection) {
    synchronized (this) {
      if (theirs.remove(selection) != null) {
        changed(selection, Set.of());
      }
    }
    callListeners();
  }

  /**
   * Answers a request of the peer with what is offered when the answer is sent. The peer assigns
   * contents that arrive after a grab to that grab.
   *
   * @param number the format's, which need not exist
   */
  void answer(Session used, Selection selection, int number) {
    Offer offer = current(selection);
    read(offer, Format.of(number))
        .whenComplete(
            (contents, failure) -> {
              boolean none = failure != null || contents == null;
              byte[] answer = none ? NOTHING : contents.orElse(NOTHING);
              if (!answer(used, selection, number, answer, offer)) {
                answer(used, selection, number);
              }
            });
  }

  /**
   * Reads contents. An exception of the source is caught, because it would end the thread of the
   * connection.
   */
  private static CompletableFuture<Optional<byte[]>> read(Offer offer, Format format) {
    if (offer == null || !offer.formats().contains(format)) {
      return CompletableFuture.completedFuture(Optional.empty());
    }
    try {
      return Objects.requireNonNull(offer.source().read(format), "the source returned null");
    } catch (RuntimeException | Error e) {
      LOG.error("a clipboard source failed", e);
      return CompletableFuture.failedFuture(e);
    }
  }

  /** Sends an answer if its offer is still the current one; returns whether it is. */
  private synchronized boolean answer(
      Session used, Selection selection, int number, byte[] contents, Offer offer) {
    if (mine.get(selection) != offer) {
      return false;
    }
    used.answer(selection, number, contents);
    return true;
  }

  private synchronized Offer current(Selection selection) {
    return mine.get(selection);
  }

  /** Returns whether contents are expected. */
  synchronized boolean expectsContents() {
    return !pending.isEmpty();
  }

  /**
   * Returns the request that contents belong to.
   *
   * @param format null if the peer answered that there are no contents; that answers the request
   *     without a format or, if there is none, the oldest request
   * @return null if there is none
   */
  synchronized CompletableFuture<Optional<byte[]>> expected(Selection selection, Format format) {
    Request request = new Request(selection, format);
    if (format == null && !pending.containsKey(request)) {
      request =
          pending.keySet().stream()
              .filter(oldest -> oldest.selection() == selection)
              .findFirst()
              .orElse(request);
    }
    Pending answered = pending.remove(request);
    return answered == null ? null : answered.future();
  }

  /** Handles the end of the connection. */
  void ended() {
    List<Pending> failed;
    synchronized (this) {
      session = null;
      if (connected.isDone() && !closed) {
        connected = new CompletableFuture<>();
      }
      failed = forget();
    }
    fail(failed, "the connection to the clipboard has ended");
  }

  /**
   * Forgets the peer's offers and the requests to it; returns these requests. The caller holds the
   * lock.
   */
  private List<Pending> forget() {
    List<Pending> owed = List.copyOf(pending.values());
    pending.clear();
    theirs.keySet().forEach(selection -> changed(selection, Set.of()));
    theirs.clear();
    return owed;
  }

  /** Completes requests after {@link #forget}, and notifies the listeners. */
  private void fail(List<Pending> owed, String reason) {
    owed.forEach(one -> one.future().completeExceptionally(new ClipboardException(reason)));
    callListeners();
  }

  /** Records a change for the listeners. The caller holds the lock. */
  private void changed(Selection selection, Set<Format> formats) {
    listeners.forEach(calls -> calls.add(selection, formats));
  }

  private void callListeners() {
    listeners.forEach(ListenerCalls::run);
  }
}
