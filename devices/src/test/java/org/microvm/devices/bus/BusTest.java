package org.microvm.devices.bus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BusTest {
  private static final long HIGH = 0xffff_ffff_ffff_f000L;

  private final Bus bus = new Bus("test");
  private final RecordingDevice device = new RecordingDevice();

  @Test
  void read_offsetCountsFromTheStartOfTheRange() {
    bus.attach(0x3f8, 8, device);

    long value = bus.read(0x3fa, 1);

    assertEquals(2, value);
  }

  @Test
  void read_valueIsCutToTheSize() {
    bus.attach(0, 0x1000, device);

    assertEquals(0x34, bus.read(0x234, 1));
  }

  @Test
  void write_valueIsCutToTheSize() {
    bus.attach(0x3f8, 8, device);

    bus.write(0x3f9, 2, 0x12345678);

    assertEquals(1, device.offset);
    assertEquals(2, device.size);
    assertEquals(0x5678, device.value);
  }

  @ParameterizedTest
  @CsvSource({"1, 0xff", "2, 0xffff", "4, 0xffffffff", "8, -1"})
  void read_withoutDevice_isAllOnesAndCounted(int size, String expected) {
    bus.attach(0x100, 8, device);

    long value = bus.read(0x108, size);

    assertEquals(Long.decode(expected), value);
    assertEquals(1, bus.unclaimedReads());
  }

  @Test
  void write_withoutDevice_isDroppedAndCounted() {
    bus.write(0x80, 1, 0);

    assertEquals(1, bus.unclaimedWrites());
  }

  @ParameterizedTest
  @CsvSource({"0xff, 2", "0x106, 4", "0x107, 2", "0x100, 3", "0x100, 0", "0x100, 16"})
  void access_notWhollyInTheRangeOrOfAnOddSizeIsUnclaimed(String address, int size) {
    bus.attach(0x100, 8, device);

    bus.read(Long.decode(address), size);
    bus.write(Long.decode(address), size, 1);

    assertEquals(0, device.calls);
    assertEquals(1, bus.unclaimedReads());
    assertEquals(1, bus.unclaimedWrites());
  }

  @ParameterizedTest
  @CsvSource({"0x100, 8", "0xff, 2", "0x107, 1", "0x80, 0x1000", "0x104, 1"})
  void attach_overlapIsRefused(String start, String length) {
    bus.attach(0x100, 8, device);
    bus.attach(0x200, 8, device);

    var failure =
        assertThrows(
            IllegalArgumentException.class,
            () -> bus.attach(Long.decode(start), Long.decode(length), device));

    assertEquals(
        "test bus: 0x%x, length 0x%x, overlaps the device at 0x100, length 0x8"
            .formatted(Long.decode(start), Long.decode(length)),
        failure.getMessage());
  }

  @Test
  void attach_neighboursAreNotAnOverlap() {
    RecordingDevice below = new RecordingDevice();
    bus.attach(0x100, 8, device);
    bus.attach(0x108, 8, new RecordingDevice());
    bus.attach(0xf8, 8, below);

    bus.write(0xff, 1, 3);

    assertEquals(3, below.value);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "0, -1", "-1, 2"})
  void attach_rangeThatIsNoneIsRefused(long start, long length) {
    assertThrows(IllegalArgumentException.class, () -> bus.attach(start, length, device));
  }

  @Test
  void attach_lastPageOfTheAddressSpaceIsFound() {
    bus.attach(0x1000, 0x1000, new RecordingDevice());
    bus.attach(HIGH, 0x1000, device);

    assertEquals(0xff8, bus.read(HIGH + 0xff8, 8));
  }

  @Test
  void detach_addressReadsAllOnesAndTheOthersStay() {
    bus.attach(0x100, 8, new RecordingDevice());
    bus.attach(0x200, 8, device);
    bus.attach(0x300, 8, new RecordingDevice());

    bus.detach(0x200);

    assertEquals(0xff, bus.read(0x203, 1));
    assertEquals(3, bus.read(0x303, 1));
    assertEquals(3, bus.read(0x103, 1));
  }

  @Test
  void detach_notAStartIsRefused() {
    bus.attach(0x100, 8, device);

    assertThrows(IllegalArgumentException.class, () -> bus.detach(0x104));
  }

  @Test
  void writeRepeated_isOneWritePerValue() {
    MemorySegment data = MemorySegment.ofArray(new byte[] {9, 1, 0, 2, 0, 3, 0});
    bus.attach(0x100, 8, device);

    bus.writeRepeated(0x104, 2, data, 1, 3);

    assertEquals(3, device.calls);
    assertEquals(3, device.value);
    assertEquals(4, device.offset);
  }

  @Test
  void readRepeated_fillsTheData() {
    MemorySegment data = MemorySegment.ofArray(new byte[9]);
    bus.attach(0x100, 8, device);

    bus.readRepeated(0x104, 4, data, 1, 2);

    assertEquals(4, data.get(ValueLayout.JAVA_INT_UNALIGNED, 1));
    assertEquals(4, data.get(ValueLayout.JAVA_INT_UNALIGNED, 5));
  }

  @Test
  void readRepeated_withoutDevice_isAllOnes() {
    MemorySegment data = MemorySegment.ofArray(new byte[4]);

    bus.readRepeated(0x104, 2, data, 0, 2);

    assertEquals(-1, data.get(ValueLayout.JAVA_INT_UNALIGNED, 0));
    assertEquals(2, bus.unclaimedReads());
  }

  @Test
  void read_allocatesNothing() {
    bus.attach(0x100, 8, device);
    bus.attach(0x200, 8, device);
    accessManyTimes(); // so that no class is loaded during the measurement

    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    accessManyTimes();
    long after = threads.getCurrentThreadAllocatedBytes();

    // Reading the counter may itself allocate a little; one object per lookup would be 160,000
    // bytes.
    assertEquals(0, after - before, 1000);
  }

  @Test
  void read_staysRightWhileAnotherThreadAttaches() throws InterruptedException {
    bus.attach(0x100, 8, device);
    Thread attacher =
        Thread.ofPlatform()
            .daemon()
            .start(() -> LongStream.range(1, 500).forEach(i -> attachAround(i * 8)));

    long wrong =
        assertTimeoutPreemptively(
            Duration.ofSeconds(20),
            () ->
                LongStream.generate(() -> bus.read(0x103, 1))
                    .takeWhile(value -> attacher.isAlive())
                    .filter(value -> value != 3)
                    .count());
    attacher.join();

    assertEquals(0, wrong);
    assertEquals(0, bus.unclaimedReads());
  }

  private void attachAround(long distance) {
    bus.attach(0x100 + distance, 8, device);
    bus.detach(0x100 + distance);
    bus.attach(0x10000 + distance, 8, device);
  }

  private void accessManyTimes() {
    for (int i = 0; i < 10_000; i++) {
      bus.read(0x204, 4);
      bus.write(0x104, 1, i);
      bus.read(0x300, 1);
    }
  }

  private static final class RecordingDevice implements BusDevice {
    private int calls;
    private long offset;
    private int size;
    private long value;

    @Override
    public long read(long offset, int size) {
      calls++;
      return offset;
    }

    @Override
    public void write(long offset, int size, long value) {
      calls++;
      this.offset = offset;
      this.size = size;
      this.value = value;
    }
  }
}
