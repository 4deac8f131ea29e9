package org.microvm.jmh;

import java.util.concurrent.TimeUnit;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.devices.virtio.DescriptorChain;
import org.microvm.devices.virtio.VirtioFeatures;
import org.microvm.devices.virtio.Virtqueue;
import org.microvm.devices.virtio.VirtqueueException;
import org.microvm.linux.IovecArray;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Measures one descriptor chain: a driver on this thread makes it available, and the device walks,
 * uses and publishes it. {@code driverAlone} is the driver's part, to be subtracted.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ChainBenchmark {
  private static final int QUEUE_SIZE = 64;
  private static final long FEATURES =
      VirtioFeatures.VERSION_1 | VirtioFeatures.RING_EVENT_IDX | VirtioFeatures.RING_INDIRECT_DESC;

  /** Descriptors in a chain. */
  @Param({"1", "4", "16"})
  public int descriptors;

  private final IovecArray vector = new IovecArray(64);
  private VirtqueueDriver driver;
  private Virtqueue queue;
  private Buffer[] pieces;
  private DescriptorChain held;

  /** Creates a queue and the buffers of a chain. */
  @Setup
  public void setUp() throws VirtqueueException {
    TestRam ram = TestRam.of(1 << 20);
    driver = new VirtqueueDriver(ram, 0, QUEUE_SIZE, FEATURES);
    queue = new Virtqueue(ram.memory(), driver.config(), FEATURES);
    pieces = new Buffer[descriptors];
    for (int i = 0; i < descriptors; i++) {
      pieces[i] = Buffer.readable(ram.allocate(4096, 4096), 4096);
    }
    Virtqueue other = new Virtqueue(ram.memory(), otherConfig(ram), FEATURES);
    held = other.pop();
  }

  private org.microvm.devices.virtio.QueueConfig otherConfig(TestRam ram) {
    VirtqueueDriver other = new VirtqueueDriver(ram, 1, QUEUE_SIZE, FEATURES);
    other.add(pieces);
    return other.config();
  }

  /** A chain's way from the available ring to the used ring. */
  @Benchmark
  public boolean chainWalk() throws VirtqueueException {
    driver.stage(pieces);
    driver.publish();
    DescriptorChain chain = queue.pop();
    queue.addUsed(chain, 0);
    boolean interrupt = queue.publish();
    driver.next();
    return interrupt;
  }

  /** The conversion of a chain to host addresses for writev. */
  @Benchmark
  public long iovecBuild() {
    vector.clear();
    held.gatherReadable(vector, 0);
    return vector.bytes();
  }
}
