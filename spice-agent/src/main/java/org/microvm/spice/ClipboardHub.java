package org.microvm.spice;

import java.nio.channels.ByteChannel;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Joins the clipboard of a guest with those of host programs, its members. A member speaks the same
 * protocol as the guest's agent, so {@link Clipboard} is a client of both.
 *
 * <p>Reads the contents that a member offers at once and keeps them, so that the member may
 * disconnect. Then offers them to all ends, including that member, for which this confirms that its
 * contents are kept. What the guest offers is read when a member pastes it.
 *
 * <p>Thread-safe. Each member costs two threads.
 */
public final class ClipboardHub implements AutoCloseable {
  /** The most members at a time; further ones are disconnected. */
  static final int MAX_MEMBERS = 8;

  private static final Logger LOG = LoggerFactory.getLogger(ClipboardHub.class);
  private static final Duration MEMBER_SILENCE = Duration.ofSeconds(30);

  /**
   * An agent sends nothing while it collects contents from a program of its session. That takes
   * more than half a minute for 10 MiB where the guest's kernel is emulated.
   */
  private static final Duration GUEST_SILENCE = Duration.ofMinutes(5);

  /**
   * A member gets the contents of one request at a time, because each answer can be a separate
   * copy.
   */
  private static final int MEMBER_OWED = 1;

  private final Duration guestSilence;
  private final Clipboard guest = new Clipboard();
  private final List<Clipboard> members = new CopyOnWriteArrayList<>();
  private final List<MemberOffers> reads = new CopyOnWriteArrayList<>();

  // The following are guarded by this.

  /** The contents that are kept; null if the guest's offer is the current one. */
  private final Map<Selection, Map<Format, byte[]>> kept = new EnumMap<>(Selection.class);

  /** The formats of the guest's last offer, so that each change is passed to a member once. */
  private final Map<Selection, Set<Format>> ofGuest = new EnumMap<>(Selection.class);

  /** Numbers the offers of each selection, so that only the newest one takes effect. */
  private final long[] offers = new long[Selection.values().length];

  private boolean closed;

  private final AtomicBoolean warned = new AtomicBoolean();

  /** Creates a hub whose guest is not connected yet. */
  public ClipboardHub() {
    this(GUEST_SILENCE);
  }

  /**
   * @param guestSilence after which a member that pastes gets nothing
   */
  ClipboardHub(Duration guestSilence) {
    this.guestSilence = guestSilence;
    guest.watch(this::guestOffers);
  }

  /**
   * {@return the end of the guest's agent} The caller has it {@link Clipboard#serve} the channel;
   * offers that are made there do not reach the members.
   */
  public Clipboard guest() {
    return guest;
  }

  /**
   * Takes a host program as a member, and serves it on separate threads until it disconnects.
   *
   * @param channel a blocking channel, which the hub closes
   */
  public void join(ByteChannel channel) {
    Clipboard member = new Clipboard(MEMBER_OWED);
    synchronized (this) {
      if (closed || members.size() >= MAX_MEMBERS) {
        warnOnce("a program is disconnected, the limit is " + MAX_MEMBERS);
        new Session(channel, MEMBER_OWED).close();
        return;
      }
      for (Selection selection : Selection.values()) {
        show(member, selection);
      }
      members.add(member);
    }
    MemberOffers contents =
        new MemberOffers(
            (selection, format) -> member.request(selection, format, MEMBER_SILENCE), this::keep);
    reads.add(contents);
    member.watch((selection, formats) -> memberOffers(member, contents, selection, formats));
    try {
      Thread.ofPlatform()
          .daemon()
          .name("clipboard-member")
          .start(() -> serve(member, contents, channel));
    } catch (Error e) {
      left(member, contents);
      new Session(channel, MEMBER_OWED).close();
      throw e;
    }
  }

  private void serve(Clipboard member, MemberOffers contents, ByteChannel channel) {
    try {
      member.serve(channel);
    } catch (ClipboardException e) {
      warnOnce("a program sent " + e.getMessage());
    } finally {
      left(member, contents);
    }
  }

  private void left(Clipboard member, MemberOffers contents) {
    members.remove(member);
    reads.remove(contents);
    member.close();
  }

  /** Logs what a program has caused, once: programs can connect without end. */
  private void warnOnce(String what) {
    if (!warned.getAndSet(true)) {
      LOG.warn("clipboard: {}; further ones are not logged", what);
    }
  }

  /** Disconnects the guest and the members. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    guest.close();
    members.forEach(Clipboard::close);
  }

  private synchronized void guestOffers(Selection selection, Set<Format> formats) {
    ofGuest.put(selection, formats);
    if (formats.isEmpty() && kept.containsKey(selection)) {
      // An offer in unknown formats has replaced the kept contents.
      if (!guest.isPeers(selection)) {
        guest.set(selection, kept.get(selection));
      }
      return;
    }
    if (!formats.isEmpty()) {
      // The end of an offer is not a newer offer: a member may be sending its contents.
      supersede(selection, ++offers[selection.number()]);
    }
    kept.remove(selection);
    members.forEach(member -> show(member, selection));
  }

  private void memberOffers(
      Clipboard member, MemberOffers contents, Selection selection, Set<Format> formats) {
    if (formats.isEmpty()) {
      withdrawn(member, selection);
      return;
    }
    long offer;
    synchronized (this) {
      offer = ++offers[selection.number()];
    }
    supersede(selection, offer);
    contents.read(selection, offer, formats);
  }

  private void supersede(Selection selection, long newest) {
    reads.forEach(contents -> contents.superseded(selection, newest));
  }

  /** If the offer of a member was not kept, sends it the offer that it had replaced at its end. */
  private synchronized void withdrawn(Clipboard member, Selection selection) {
    if (!member.isPeers(selection)) {
      show(member, selection);
    }
  }

  /** Keeps the contents from a member, unless there is a newer offer. */
  private synchronized void keep(Selection selection, long offer, Map<Format, byte[]> contents) {
    if (offer != offers[selection.number()] || contents.isEmpty()) {
      return;
    }
    // First, because it throws if the contents are too large; then they are not kept.
    guest.set(selection, contents);
    kept.put(selection, contents);
    members.forEach(member -> show(member, selection));
  }

  /** Sends a member the current offer of a selection. */
  private void show(Clipboard member, Selection selection) {
    Map<Format, byte[]> contents = kept.get(selection);
    if (contents != null) {
      member.set(selection, contents);
      return;
    }
    Set<Format> formats = ofGuest.getOrDefault(selection, Set.of());
    if (formats.isEmpty()) {
      member.clear(selection);
    } else {
      member.offer(selection, formats, format -> guest.request(selection, format, guestSilence));
    }
  }
}
