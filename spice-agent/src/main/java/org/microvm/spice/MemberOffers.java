package org.microvm.spice;

import java.util.EnumMap;
import java.util.LinkedHashMap;
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

  private record Offer(Selection selection, long number, Set<Format> formats) {}

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

  private void read(Offer offer) {
    Map<Format, CompletableFuture<Optional<byte[]>>> answers = new LinkedHashMap<>();
    for (Format format : offer.formats()) {
      answers.put(format, reader.request(offer.selection(), format));
    }
    CompletableFuture.allOf(answers.values().toArray(CompletableFuture[]::new))
        .whenComplete((_, _) -> ended(offer, answers));
  }

  private void ended(Offer offer, Map<Format, CompletableFuture<Optional<byte[]>>> answers) {
    Map<Format, byte[]> contents = new EnumMap<>(Format.class);
    answers.forEach(
        (format, answer) -> {
          if (!answer.isCompletedExceptionally()) {
            answer.join().ifPresent(bytes -> contents.put(format, bytes));
          }
        });
    try {
      keeper.keep(offer.selection(), offer.number(), contents);
    } finally {
      next(offer);
    }
  }

  private void next(Offer read) {
    Offer next;
    synchronized (this) {
      next = newest.get(read.selection());
      if (next == read) {
        newest.remove(read.selection());
        return;
      }
    }
    read(next);
  }
}
