package org.microvm.qmp;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.microvm.kvm.KvmStats;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;

/** A guest whose memory has the low byte of each address, and which records what is done to it. */
final class FakeAccess implements GuestAccess {
  private static final int MAPPED = 1 << 16;

  final List<String> done = new ArrayList<>();

  /** Waits as the machine does that is being saved. */
  volatile Runnable turn = () -> {};

  /** A measurement ends when this is down. */
  volatile CountDownLatch measured = new CountDownLatch(0);

  @Override
  public void readPhysical(long address, byte[] target) {
    turn.run();
    for (int i = 0; i < target.length; i++) {
      target[i] = (byte) (address + i);
    }
  }

  /** The first 64 KiB of virtual memory are mapped. */
  @Override
  public boolean readVirtual(int vcpu, long address, byte[] target) {
    turn.run();
    Arrays.fill(target, (byte) (vcpu + 1));
    return address + target.length <= MAPPED;
  }

  @Override
  public void injectNmi() {
    turn.run();
    done.add("nmi");
  }

  @Override
  public long dirtyRate(Duration time, int pagesPerGib) {
    try {
      measured.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 5 << 20;
  }

  @Override
  public List<KvmStats.Kind> counters(boolean vcpu) {
    turn.run();
    KvmStats.Kind exits =
        new KvmStats.Kind("exits", KvmStats.Type.CUMULATIVE, KvmStats.Unit.NONE, 10, 0, 0);
    KvmStats.Kind wait =
        new KvmStats.Kind(
            "wait", KvmStats.Type.LINEAR_HISTOGRAM, KvmStats.Unit.SECONDS, 10, -9, 100);
    return vcpu ? List.of(exits, wait) : List.of(exits);
  }

  @Override
  public void onReset(OnReset action) {
    done.add("reset " + action);
  }

  @Override
  public void onPanic(OnPanic action) {
    done.add("panic " + action);
  }
}
