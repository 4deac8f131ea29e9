package org.microvm.machine.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.memory.FakeDirtyLog;
import org.microvm.machine.memory.MemoryRuns;
import org.microvm.machine.migration.HandoverTimes;
import org.microvm.machine.migration.MigrationLimits;
import org.microvm.machine.migration.MigrationProgress;
import org.microvm.machine.migration.MigrationProgress.Status;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;
import org.microvm.transport.Transport;

class PreCopyTest {
  private static final int PAGE = 4096;
  private static final int PAGES = 64;

  /** Long enough to send the few pages of these tests. */
  private static final Duration LONG = Duration.ofMillis(100);

  /** So short that nothing can be sent in it. */
  private static final Duration SHORT = Duration.ofNanos(1);

  private final FakeDirtyLog log = new FakeDirtyLog(PAGES);
  private final MemoryRegion region =
      new MemoryRegion(0, Arena.ofAuto().allocate(PAGES * PAGE, PAGE), 0);
  private final GuestMemory memory = new GuestMemory(List.of(region));
  private final SentPages sent = new SentPages();
  private final Source source = new Source();
  private final LastProgress progress = new LastProgress();

  private PreCopy copy(Duration downtime, int rounds) throws IOException {
    MigrationLimits limits = new MigrationLimits(downtime, rounds);
    return new PreCopy(source, new MigrationStream(sent), limits, progress);
  }

  /** Records which pages arrive, as "first page, number of pages". */
  private static final class SentPages implements Transport {
    private static final int HEADER = 24;

    private final List<String> runs = new ArrayList<>();
    private long offset = -1;

    @Override
    public void open() {}

    @Override
    public boolean isLocal() {
      return true;
    }

    @Override
    public void write(MemorySegment bytes, List<Fd> descriptors) {
      if (bytes.byteSize() == HEADER) {
        offset = bytes.get(ValueLayout.JAVA_LONG, Long.BYTES);
      } else {
        runs.add("%d, %d".formatted(offset / PAGE, bytes.byteSize() / PAGE));
      }
    }

    @Override
    public boolean read(MemorySegment target, List<Fd> descriptors) {
      return false;
    }

    @Override
    public void limitReads(Duration limit) {}

    @Override
    public void shutdown() {}

    @Override
    public void close() {}
  }

  /** A guest whose memory is pages 0 to 3, and that may write more while it is copied. */
  private final class Source implements MigrationSource {
    private Runnable whileCopied = () -> {};

    @Override
    public byte[] description() {
      return new byte[0];
    }

    @Override
    public void warmUp() {}

    @Override
    public DirtyTracker track() throws ErrnoException {
      return new DirtyTracker(memory, List.of(log));
    }

    @Override
    public void flushDisks() {}

    @Override
    public boolean hasMemoryFile() {
      return false;
    }

    @Override
    public Fd memoryFile() {
      throw new AssertionError("memory is copied");
    }

    @Override
    public void visitAll(MemoryRuns.Visitor visitor) throws IOException {
      visitor.visit(region, 0, 4 * PAGE);
      whileCopied.run();
    }

    @Override
    public Stopped stop() {
      throw new AssertionError("copying does not stop the guest");
    }

    @Override
    public void close() {}
  }

  /** Makes the guest write a page at each report of progress in a round. */
  private final class LastProgress implements PreCopy.Progress {
    private MigrationProgress last =
        new MigrationProgress(Status.SETUP, 0, 0, 0, 0, Duration.ZERO, HandoverTimes.NONE);
    private boolean keepsWriting;

    @Override
    public MigrationProgress get() {
      return last;
    }

    @Override
    public void set(MigrationProgress now) {
      last = now;
      if (keepsWriting) {
        log.write(9);
      }
    }
  }

  @Test
  void copyWhileRunning_ofAnIdleGuest_sendsAllOnce() throws Exception {
    try (PreCopy copy = copy(SHORT, 30)) {
      copy.copyWhileRunning();
    }

    assertEquals(List.of("0, 4"), sent.runs);
    assertEquals(4 * PAGE, progress.last.sentBytes());
    assertEquals(1, progress.last.rounds());
    assertEquals(Status.ACTIVE, progress.last.status());
  }

  @Test
  void copyWhileRunning_sendsAgainWhatWasWrittenMeanwhile() throws Exception {
    source.whileCopied = () -> log.write(7);

    try (PreCopy copy = copy(SHORT, 30)) {
      copy.copyWhileRunning();
    }

    assertEquals(List.of("0, 4", "7, 1"), sent.runs);
    assertEquals(2, progress.last.rounds());
  }

  @Test
  void copyWhileRunning_whenTheRestFitsTheDowntime_leavesItForLater() throws Exception {
    source.whileCopied = () -> log.write(7);

    try (PreCopy copy = copy(LONG, 30)) {
      copy.copyWhileRunning();

      assertEquals(List.of("0, 4"), sent.runs);
      assertEquals(PAGE, progress.last.remainingBytes());
      copy.sendFound();
    }

    assertEquals(List.of("0, 4", "7, 1"), sent.runs);
  }

  @Test
  void copyWhileRunning_ofAGuestThatWritesFaster_failsAfterItsRounds() throws Exception {
    progress.keepsWriting = true;

    try (PreCopy copy = copy(SHORT, 3)) {
      IOException failure = assertThrows(IOException.class, copy::copyWhileRunning);

      assertTrue(failure.getMessage().contains("3 rounds"), failure.getMessage());
      assertTrue(failure.getMessage().contains("4 KiB"), failure.getMessage());
    }

    assertEquals(List.of("0, 4", "9, 1", "9, 1"), sent.runs);
  }

  @Test
  void sendRest_sendsWhatVcpusAndDevicesWroteLast() throws Exception {
    try (PreCopy copy = copy(SHORT, 30)) {
      copy.copyWhileRunning();
      log.write(20);
      memory.dirtyPages().mark(22 * PAGE, 1);

      copy.sendRemaining();
    }

    assertEquals(List.of("0, 4", "20, 1", "22, 1"), sent.runs);
    assertEquals(Status.DEVICE, progress.last.status());
    assertEquals(6 * PAGE, progress.last.sentBytes());
  }

  @Test
  void close_endsTheLog() throws Exception {
    PreCopy copy = copy(SHORT, 30);
    assertTrue(log.isLogging());

    copy.close();

    assertFalse(log.isLogging());
  }

  @Test
  void rates_ofManyGibibytes_doNotOverflow() {
    long bytes = 1L << 40;

    assertEquals(bytes / 4, PreCopy.bytesPerSecond(bytes, 4_000_000_000L));
    assertEquals(bytes * 3, PreCopy.bytesWithin(Duration.ofSeconds(3), bytes));
  }

  @Test
  void downtimeWithoutEnd_endsTheCopyingAfterItsFirstRound() throws Exception {
    progress.keepsWriting = true;

    try (PreCopy copy = copy(Duration.ofSeconds(Long.MAX_VALUE), 3)) {
      copy.copyWhileRunning();
    }

    assertEquals(1, progress.last.rounds());
  }
}
