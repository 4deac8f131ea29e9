package org.microvm.machine.vcpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.devices.bus.Bus;
import org.microvm.devices.bus.BusDevice;
import org.microvm.kvm.ExitReason;
import org.microvm.kvm.VcpuRun;
import org.microvm.machine.config.MachineEnd;
import org.microvm.machine.emulation.FakeCpu;
import org.microvm.machine.emulation.InstructionEmulator;

class ExitHandlerTest {
  private static final int PORT = 0x3f8;
  private static final long ADDRESS = 0xd000_0000L;

  /** Records each access and answers reads with 0x41, 0x42 and so on. */
  private static final class LoggingDevice implements BusDevice {
    private final List<String> log = new ArrayList<>();
    private int reads;

    @Override
    public long read(long offset, int size) {
      log.add("read %d size %d".formatted(offset, size));
      return 0x41 + reads++;
    }

    @Override
    public void write(long offset, int size, long value) {
      log.add("write %d size %d value 0x%x".formatted(offset, size, value));
    }
  }

  private static final class Ender implements GuestEnder {
    private final List<MachineEnd> ends = new ArrayList<>();

    @Override
    public void end(MachineEnd end) {
      ends.add(end);
    }

    @Override
    public boolean ended() {
      return !ends.isEmpty();
    }
  }

  private final LoggingDevice device = new LoggingDevice();
  private final ExitStatistics statistics = new ExitStatistics();
  private final FakeCpu cpu = new FakeCpu();
  private final Ender ender = new Ender();
  private final ExitHandler handler = handler();

  private ExitHandler handler() {
    Bus ports = new Bus("port");
    ports.attach(PORT, 8, device);
    Bus mmio = new Bus("MMIO");
    mmio.attach(ADDRESS, 0x1000, device);
    return new ExitHandler(
        ports,
        mmio,
        statistics,
        new InstructionEmulator(cpu),
        new FailureReport(FakeRegisters.zero()),
        ender);
  }

  private void handle(SyntheticExit exit) {
    handler.handle(exit.run());
  }

  private String failure() {
    assertEquals(1, ender.ends.size());
    return assertInstanceOf(MachineEnd.Failed.class, ender.ends.getFirst()).report();
  }

  @Test
  void portWrite_reachesTheDeviceAndIsCounted() {
    handle(SyntheticExit.portWrite(PORT + 1, (byte) 0xab));

    assertEquals(List.of("write 1 size 1 value 0xab"), device.log);
    assertEquals(Map.of(PORT + 1L, 1L), statistics.ports());
  }

  @Test
  void portWrite_ofAString_isOneExitWithAllItsAccesses() {
    handle(SyntheticExit.portWrite(PORT, (byte) 1, (byte) 2));

    assertEquals(List.of("write 0 size 1 value 0x1", "write 0 size 1 value 0x2"), device.log);
    assertEquals(Map.of((long) PORT, 1L), statistics.ports());
  }

  @Test
  void portRead_givesTheGuestTheDevicesValue() {
    SyntheticExit exit = SyntheticExit.portRead(PORT + 5, 1, 1);

    handle(exit);

    assertEquals(List.of("read 5 size 1"), device.log);
    assertEquals(0x41, exit.portData(0));
  }

  @Test
  void portRead_ofAString_givesTheGuestAllValues() {
    SyntheticExit exit = SyntheticExit.portRead(PORT, 1, 2);

    handle(exit);

    assertEquals(0x41, exit.portData(0));
    assertEquals(0x42, exit.portData(1));
  }

  @Test
  void portRead_withoutADevice_givesAllOnes() {
    SyntheticExit exit = SyntheticExit.portRead(0x80, 1, 1);

    handle(exit);

    assertEquals(0xff, exit.portData(0));
    assertEquals(List.of(), ender.ends);
  }

  @Test
  void mmioWrite_reachesTheDeviceAndIsCounted() {
    handle(SyntheticExit.mmioWrite(ADDRESS + 0x50, 4, 0xffff_ffff_0000_0007L));

    assertEquals(List.of("write 80 size 4 value 0x7"), device.log);
    assertEquals(Map.of(ADDRESS + 0x50, 1L), statistics.mmioAddresses());
  }

  @Test
  void mmioRead_givesTheGuestTheDevicesValue() {
    SyntheticExit exit = SyntheticExit.mmioRead(ADDRESS, 4);

    handle(exit);

    assertEquals(List.of("read 0 size 4"), device.log);
    assertEquals(0x41, exit.mmioData());
  }

  @ParameterizedTest
  @ValueSource(ints = {ExitReason.INTR, ExitReason.IRQ_WINDOW_OPEN})
  void exitWithoutARequest_doesNothing(int reason) {
    handle(SyntheticExit.of(reason));

    assertEquals(List.of(), ender.ends);
    assertEquals(List.of(), device.log);
  }

  @Test
  void systemEvent_shutdown_isAPowerOff() {
    handle(SyntheticExit.systemEvent(VcpuRun.SYSTEM_EVENT_SHUTDOWN));

    assertEquals(List.of(new MachineEnd.PowerOff()), ender.ends);
  }

  @Test
  void systemEvent_reset_isAReset() {
    handle(SyntheticExit.systemEvent(VcpuRun.SYSTEM_EVENT_RESET));

    assertInstanceOf(MachineEnd.Reset.class, ender.ends.getFirst());
  }

  @Test
  void systemEvent_crash_isAFailure() {
    handle(SyntheticExit.systemEvent(VcpuRun.SYSTEM_EVENT_CRASH));

    assertTrue(failure().contains("SYSTEM_EVENT type 3"), this::failure);
  }

  @Test
  void internalError_atAnInstructionThatCanBeFinished_continues() {
    cpu.code = new byte[] {(byte) 0x9b};

    handle(SyntheticExit.notEmulated((byte) 0x9b));

    assertEquals(0x1001, cpu.rip);
    assertEquals(List.of(), ender.ends);
  }

  @Test
  void internalError_atAnotherInstruction_isAFailureWithItsBytes() {
    cpu.code = new byte[] {(byte) 0xc5, (byte) 0xf8, 0x77};

    handle(SyntheticExit.notEmulated(cpu.code));

    assertTrue(failure().contains("code bytes c5 f8 77"), this::failure);
    assertEquals(0x1000, cpu.rip);
  }

  @Test
  void internalError_ofAnotherKind_isAFailureAndNothingIsFinished() {
    cpu.code = new byte[] {(byte) 0x9b};

    handle(SyntheticExit.internalError(3));

    assertTrue(failure().contains("suberror 3"), this::failure);
    assertEquals(0x1000, cpu.rip);
  }

  @Test
  void shutdown_isATripleFault() {
    handle(SyntheticExit.of(ExitReason.SHUTDOWN));

    String report = assertInstanceOf(MachineEnd.TripleFault.class, ender.ends.getFirst()).report();
    assertTrue(report.contains("KVM_EXIT_SHUTDOWN"), report);
  }

  @Test
  void failEntry_isAFailureWithTheProcessorsReason() {
    handle(SyntheticExit.failEntry(0x8000_0021L, 5));

    assertTrue(failure().contains("reason 0x80000021 on host CPU 5"), this::failure);
  }

  @ParameterizedTest
  @ValueSource(ints = {ExitReason.UNKNOWN, ExitReason.DEBUG, ExitReason.MEMORY_FAULT, 1000, -1})
  void unknownExit_isAFailure(int reason) {
    handle(SyntheticExit.of(reason));

    assertTrue(failure().contains(ExitReason.name(reason)), this::failure);
  }
}
