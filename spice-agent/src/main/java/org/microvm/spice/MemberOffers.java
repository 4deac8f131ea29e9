package org.microvm.spice;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Reads the contents that one member of a {@link ClipboardHub} offers. A member may repeat its
 * offer faster than it sends contents, so one offer of each selection is read at a time, and the
 * newest one after it. Thread-safe.
 */
final class MemberOffers {
  private final Reader reader;
  private final Keeper keeper;

  /** The newest offer of each selection for which an offer is being read. Guarded by this. */
  private final Map<Selection, Offer> newest = new EnumMap<>(Selection.class);

  /** The offers that are being read. Guarded by this. */
  private final Map<Selection, Offer> reading = new EnumMap<>(Selection.class);

  /** The number of the newest offer of anybody. Guarded by this. */
  private final Map<Selection, Long> ofAnybody = new EnumMap<>(Selection.class);

  /** An offer, and those of its contents that have arrived. */
  private static final class Offer {
    private final Selection selection;
    private final long number;
    private final Set<Format> formats;
    private Map<Format, byte[]> contents = new EnumMap<>(Format.class);

    Offer(Selection selection, long number, Set<Format> formats) {
      this.selection = selection;
      this.number = number;
      this.formats = formats;
    }

    synchronized void arrived(Format format, byte[] bytes) {
      if (contents != null) {
        contents.put(format, bytes);
      }
    }

    synchronized void drop() {
      contents = null;
    }

    synchronized Map<Format, byte[]> contents() {
      return contents == null ? Map.of() : contents;
    }
  }

  /** Requests contents from the member. */
  @FunctionalInterface
  interface Reader {
    CompletableFuture<Optional<byte[]>> request(Selection selection, Format format);
  }

  /** Receives the contents of an offer, which may be empty. */
  @FunctionalInterface
  interface Keeper {
    void keep(Selection selection, long offer, Map<Format, byte[]> contents);
  }

  MemberOffers(Reader reader, Keeper keeper) {
    this.reader = reader;
    this.keeper = keeper;
  }

  /**
   * Reads an offer, at once or after the offer that is being read.
   *
   * @param number for the keeper
   */
  void read(Selection selection, long number, Set<Format> formats) {
    Offer offer = new Offer(selection, number, formats);
    synchronized (this) {
      if (newest.put(selection, offer) != null) {
        return;
      }
    }
    read(offer);
  }

  /**
   * Drops the contents of earlier offers, which nobody gets: a member that sends one format and
   * never the other one would keep them in memory.
   *
   * @param number of the newest offer of any member or of the guest
   */
  synchronized void superseded(Selection selection, long number) {
    ofAnybody.merge(selection, number, Math::max);
    dropIfSuperseded(reading.get(selection));
  }

  private synchronized void dropIfSuperseded(Offer offer) {
    if (offer != null && offer.number < ofAnybody.getOrDefault(offer.selection, 0L)) {
      offer.drop();
    }
  }

  private void read(Offer offer) {
    synchronized (this) {
      reading.put(offer.selection, offer);
      dropIfSuperseded(offer);
    }
    List<CompletableFuture<Void>> answers = new ArrayList<>();
    for (Format format : offer.formats) {
      answers.add(
          reader
              .request(offer.selection, format)
              .thenAccept(answer -> answer.ifPresent(bytes -> offer.arrived(format, bytes))));
    }
    CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new))
        .whenComplete((_, _) -> ended(offer));
  }

  private void ended(Offer offer) {
    try {
      keeper.keep(offer.selection, offer.number, offer.contents());
    } finally {
      next(offer);
    }
  }

  private void next(Offer read) {
    Offer next;
    synchronized (this) {
      next = newest.get(read.selection);
      if (next == read) {
        newest.remove(read.selection);
        reading.remove(read.selection);
        return;
      }
    }
    read(next);
  }
}
