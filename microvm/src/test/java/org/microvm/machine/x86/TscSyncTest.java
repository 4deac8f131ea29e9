package org.microvm.machine.x86;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Time stamp counters of several vCPUs, saved and restored one after the other. */
@Timeout(10)
class TscSyncTest {
  private static final int KHZ = 2_000_000;
  private static final long SECOND = KHZ * 1000L;

  private final Host host = new Host();

  /** A host whose counter the test advances. */
  private static final class Host {
    private long ticks = 50 * SECOND;
    private boolean hasOffsets = true;
  }

  /** A counter as KVM has it, without KVM's own matching of values. */
  private final class FakeCounter implements TscSync.Counter {
    private long offset;

    @Override
    public OptionalLong offset() {
      return host.hasOffsets ? OptionalLong.of(offset) : OptionalLong.empty();
    }

    @Override
    public void setOffset(long value) {
      offset = value;
    }

    @Override
    public boolean setValue(long value) {
      offset = value - host.ticks;
      return true;
    }

    long value() {
      return host.ticks + offset;
    }
  }

  private final FakeCounter first = new FakeCounter();
  private final FakeCounter second = new FakeCounter();

  @Test
  void synchronousCounters_areSavedWithOneValue() throws Exception {
    TscSync sync = new TscSync();
    long saved = sync.toSave(first, first.value());
    host.ticks += 5 * SECOND;

    assertEquals(saved, sync.toSave(second, second.value()));
  }

  @Test
  void countersThatDiffer_areSavedAsTheyAre() throws Exception {
    second.setOffset(3);
    TscSync sync = new TscSync();
    sync.toSave(first, first.value());
    host.ticks += 5 * SECOND;

    assertEquals(host.ticks + 3, sync.toSave(second, second.value()));
  }

  @Test
  void restoreThatTakesLong_leavesCountersSynchronous() throws Exception {
    TscSync sync = new TscSync();
    sync.restore(first, 1000, KHZ);
    host.ticks += 5 * SECOND;

    sync.restore(second, 1000, KHZ);

    assertEquals(first.value(), second.value());
    assertEquals(1000 + 5 * SECOND, first.value());
  }

  @Test
  void countersThatAreFarApart_areRestoredApart() throws Exception {
    TscSync sync = new TscSync();
    sync.restore(first, 1000, KHZ);

    sync.restore(second, 1000 + 2 * SECOND, KHZ);

    assertEquals(2 * SECOND, second.value() - first.value());
  }

  @Test
  void kvmWithoutOffsets_getsTheValues() throws Exception {
    host.hasOffsets = false;
    TscSync sync = new TscSync();
    sync.restore(first, 1000, KHZ);
    host.ticks += 100;

    sync.restore(second, 1000, KHZ);

    assertEquals(1000, second.value());
  }
}
