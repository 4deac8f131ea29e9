package org.microvm.machine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.microvm.linux.ErrnoException;
import org.microvm.memory.DirtyPages;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;

class DirtyTrackerTest {
  private static final int PAGE = DirtyPages.PAGE;

  /** More than a word of the bitmap, and not a multiple of one. */
  private static final int LOW_PAGES = 70;

  /** The second region begins in the file where a word of the marks begins. */
  private static final int HIGH_OFFSET = 128;

  private static final int HIGH_PAGES = 64;

  private final FakeDirtyLog low = new FakeDirtyLog(LOW_PAGES);
  private final FakeDirtyLog high = new FakeDirtyLog(HIGH_PAGES);
  private final GuestMemory memory =
      new GuestMemory(
          List.of(region(0, LOW_PAGES, 0), region(GuestMemory.HOLE_END, HIGH_PAGES, HIGH_OFFSET)));

  private static MemoryRegion region(long start, long pages, long offset) {
    return new MemoryRegion(start, Arena.ofAuto().allocate(pages * PAGE, PAGE), offset * PAGE);
  }

  private DirtyTracker tracker() throws ErrnoException {
    return new DirtyTracker(memory, List.of(low, high));
  }

  /** The runs of pages, as "start of the region: first page to page after the last". */
  private static List<String> runs(DirtyTracker tracker) throws IOException {
    List<String> runs = new ArrayList<>();
    tracker.visit(
        (region, from, to) ->
            runs.add("%x: %d-%d".formatted(region.start(), from / PAGE, to / PAGE)));
    return runs;
  }

  @Test
  void collect_findsPagesThatTheGuestWrote() throws Exception {
    try (DirtyTracker tracker = tracker()) {
      low.write(3);
      high.write(0);

      assertEquals(2 * PAGE, tracker.collect());
      assertEquals(List.of("0: 3-4", "100000000: 0-1"), runs(tracker));
    }
  }

  @Test
  void collect_findsPagesThatThisProcessWrote() throws Exception {
    try (DirtyTracker tracker = tracker()) {
      memory.dirtyPages().mark(5 * PAGE, 2 * PAGE);
      memory.dirtyPages().mark((HIGH_OFFSET + 63L) * PAGE, 1);

      assertEquals(3 * PAGE, tracker.collect());
      assertEquals(List.of("0: 5-7", "100000000: 63-64"), runs(tracker));
    }
  }

  @Test
  void collect_countsAPageThatBothWroteOnce() throws Exception {
    try (DirtyTracker tracker = tracker()) {
      low.write(5);
      memory.dirtyPages().mark(5 * PAGE, 1);

      assertEquals(PAGE, tracker.collect());
    }
  }

  @Test
  void collect_forgetsWhatTheLastCallFound() throws Exception {
    try (DirtyTracker tracker = tracker()) {
      low.write(1);
      memory.dirtyPages().mark(2 * PAGE, 1);
      tracker.collect();
      low.write(9);

      assertEquals(PAGE, tracker.collect());
      assertEquals(List.of("0: 9-10"), runs(tracker));
    }
  }

  @Test
  void visit_joinsNeighboursAcrossWordsOfTheBitmap() throws Exception {
    try (DirtyTracker tracker = tracker()) {
      low.write(62);
      low.write(63);
      low.write(64);
      low.write(LOW_PAGES - 1);
      tracker.collect();

      assertEquals(List.of("0: 62-65", "0: 69-70"), runs(tracker));
    }
  }

  @Test
  void visit_ofARegionThatIsAllWritten_isOneRunThatEndsWithIt() throws Exception {
    try (DirtyTracker tracker = tracker()) {
      memory.dirtyPages().mark(0, (long) LOW_PAGES * PAGE);
      tracker.collect();

      assertEquals(List.of("0: 0-70"), runs(tracker));
    }
  }

  @Test
  void visit_ofNothing_makesNoCall() throws Exception {
    try (DirtyTracker tracker = tracker()) {
      assertEquals(0, tracker.collect());
      assertEquals(List.of(), runs(tracker));
    }
  }

  @Test
  void close_endsBothLogs() throws Exception {
    DirtyTracker tracker = tracker();
    assertTrue(low.isLogging() && high.isLogging() && memory.dirtyPages().isOn());

    tracker.close();

    assertFalse(low.isLogging() || high.isLogging() || memory.dirtyPages().isOn());
  }

  @Test
  void close_afterTheVm_doesNotFail() throws Exception {
    DirtyTracker tracker = tracker();
    low.refuse();

    tracker.close();

    assertFalse(high.isLogging() || memory.dirtyPages().isOn());
  }

  @Test
  void tracker_thatKvmRefuses_leavesNoLogOn() {
    high.refuse();

    assertThrows(ErrnoException.class, this::tracker);

    assertFalse(low.isLogging() || memory.dirtyPages().isOn());
  }
}
