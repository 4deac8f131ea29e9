package org.microvm.jmh;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import org.microvm.devices.bus.Bus;
import org.microvm.devices.bus.BusDevice;
import org.microvm.kvm.ExitReason;
import org.microvm.kvm.VcpuRun;
import org.microvm.machine.vcpu.ExitHandler;
import org.microvm.machine.vcpu.ExitStatistics;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * Measures the handling of an exit, without KVM_RUN: finding the device and updating the counters.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ExitBenchmark {
  private static final long EXIT_REASON = 8;
  private static final long EXIT = 32;
  private static final int PORT = 0x510;

  private final MemorySegment memory = Arena.ofAuto().allocate(4096, 4096);
  private final VcpuRun run = new VcpuRun(memory);
  private final ExitStatistics statistics = new ExitStatistics();
  private ExitHandler handler;

  /** Creates a bus with one device, and a write of one byte to it. */
  @Setup
  public void setUp() {
    Bus ports = new Bus("port");
    ports.attach(PORT, 1, new Silent());
    handler = new ExitHandler(ports, new Bus("MMIO"), statistics, null, null, null);
    memory.set(ValueLayout.JAVA_INT, EXIT_REASON, ExitReason.IO);
    memory.set(ValueLayout.JAVA_BYTE, EXIT, (byte) 1); // direction: out
    memory.set(ValueLayout.JAVA_BYTE, EXIT + 1, (byte) 1);
    memory.set(ValueLayout.JAVA_SHORT, EXIT + 2, (short) PORT);
    memory.set(ValueLayout.JAVA_INT, EXIT + 4, 1);
    memory.set(ValueLayout.JAVA_LONG, EXIT + 8, 1024L);
  }

  /** Dispatch to the device, and accounting. */
  @Benchmark
  public void exitDispatch() {
    statistics.enter();
    statistics.returned();
    statistics.exit(run.exitReason());
    handler.handle(run);
  }

  /** The accounting alone. */
  @Benchmark
  public void exitAccounting() {
    statistics.enter();
    statistics.returned();
    statistics.exit(ExitReason.IO);
    statistics.port(PORT);
  }

  /** A device that does nothing. */
  private static final class Silent implements BusDevice {
    @Override
    public long read(long offset, int size) {
      return 0;
    }

    @Override
    public void write(long offset, int size, long value) {}
  }
}
