package org.microvm.jmh;

import java.util.concurrent.TimeUnit;
import org.microvm.devices.bus.Bus;
import org.microvm.devices.testing.TestRam;
import org.microvm.devices.virtio.MmioRegister;
import org.microvm.devices.virtio.VirtioDevice;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.devices.virtio.VirtioQueues;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Measures register accesses through a bus with as many devices as a machine has. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class RegisterBenchmark {
  private static final long FIRST = 0xd000_0000L;
  private static final int DEVICES = 8;

  private final Bus bus = new Bus("MMIO");

  /** Attaches the devices. */
  @Setup
  public void setUp() {
    TestRam ram = TestRam.of(1 << 20);
    for (int i = 0; i < DEVICES; i++) {
      bus.attach(
          FIRST + (long) i * VirtioMmioTransport.LENGTH,
          VirtioMmioTransport.LENGTH,
          new VirtioMmioTransport(new Silent(), ram.memory(), () -> {}));
    }
  }

  /** A read of InterruptStatus. */
  @Benchmark
  public long registerRead() {
    return bus.read(FIRST + 5L * VirtioMmioTransport.LENGTH + MmioRegister.INTERRUPT_STATUS, 4);
  }

  /** A write of InterruptACK. */
  @Benchmark
  public void registerWrite() {
    bus.write(FIRST + 5L * VirtioMmioTransport.LENGTH + MmioRegister.INTERRUPT_ACK, 4, 1);
  }

  /** A device that no driver sets up. */
  private static final class Silent implements VirtioDevice {
    @Override
    public int deviceId() {
      return 42;
    }

    @Override
    public long features() {
      return 0;
    }

    @Override
    public int queueCount() {
      return 2;
    }

    @Override
    public int queueSizeMax(int index) {
      return 64;
    }

    @Override
    public long readConfig(int offset, int size) {
      return 0;
    }

    @Override
    public void writeConfig(int offset, int size, long value) {}

    @Override
    public void activate(VirtioQueues queues) {}

    @Override
    public void notifyQueue(int index) {}

    @Override
    public void reset() {}
  }
}
