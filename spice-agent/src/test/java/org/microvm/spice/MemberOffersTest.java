package org.microvm.spice;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class MemberOffersTest {
  private static final Set<Format> TEXT = Set.of(Format.TEXT);

  private record Kept(long offer, Map<Format, byte[]> contents) {}

  private final List<CompletableFuture<Optional<byte[]>>> requests = new ArrayList<>();
  private final List<Kept> kept = new ArrayList<>();
  private final MemberOffers offers =
      new MemberOffers(
          (_, _) -> {
            requests.add(new CompletableFuture<>());
            return requests.getLast();
          },
          (_, offer, contents) -> kept.add(new Kept(offer, contents)));

  @Test
  void offer_thatIsRepeatedWithoutContents_isReadOnce() {
    offers.read(Selection.CLIPBOARD, 0, TEXT);
    int dependents = requests.getFirst().getNumberOfDependents();
    for (int i = 1; i < 1000; i++) {
      offers.read(Selection.CLIPBOARD, i, TEXT);
    }

    assertEquals(1, requests.size());
    assertEquals(dependents, requests.getFirst().getNumberOfDependents());
  }

  @Test
  void newestOffer_isReadAfterTheOneBefore() {
    offers.read(Selection.CLIPBOARD, 1, TEXT);
    offers.read(Selection.CLIPBOARD, 2, Set.of(Format.TEXT, Format.PNG));
    offers.read(Selection.CLIPBOARD, 3, TEXT);
    requests.get(0).complete(Optional.empty());
    requests.get(1).complete(Optional.of(new byte[] {'t'}));

    assertEquals(2, requests.size());
    assertEquals(List.of(1L, 3L), kept.stream().map(Kept::offer).toList());
    assertArrayEquals(new byte[] {'t'}, kept.getLast().contents().get(Format.TEXT));
  }

  @Test
  void selections_areReadAtTheSameTime_andAgain() {
    offers.read(Selection.CLIPBOARD, 1, TEXT);
    offers.read(Selection.PRIMARY, 2, TEXT);
    requests.get(1).complete(Optional.empty());
    requests.get(0).completeExceptionally(new ClipboardException("of a test"));
    offers.read(Selection.CLIPBOARD, 3, TEXT);

    assertEquals(3, requests.size());
    assertEquals(List.of(2L, 1L), kept.stream().map(Kept::offer).toList());
  }

  @Test
  void contentsOfAnOfferThatIsSuperseded_areDropped() {
    List<WeakReference<byte[]>> contents = new ArrayList<>();
    offers.read(Selection.CLIPBOARD, 1, EnumSet.allOf(Format.class));
    offers.read(Selection.CLIPBOARD, 2, EnumSet.allOf(Format.class));
    contents.add(answer(0));
    offers.superseded(Selection.CLIPBOARD, 3);
    requests.get(1).complete(Optional.empty());
    contents.add(answer(2)); // of the second offer, which is read now

    for (WeakReference<byte[]> one : contents) {
      while (one.get() != null) {
        System.gc();
      }
    }
    requests.get(3).complete(Optional.empty());

    assertEquals(List.of(1L, 2L), kept.stream().map(Kept::offer).toList());
    assertEquals(List.of(Map.of(), Map.of()), kept.stream().map(Kept::contents).toList());
  }

  private WeakReference<byte[]> answer(int request) {
    byte[] bytes = new byte[1000];
    requests.get(request).complete(Optional.of(bytes));
    requests.set(request, null);
    return new WeakReference<>(bytes);
  }
}
