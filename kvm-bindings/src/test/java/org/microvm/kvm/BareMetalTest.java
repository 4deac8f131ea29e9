package org.microvm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.linux.Mapping;
import org.microvm.testing.RequiresKvm;

/** Runs real guests of a few bytes; comments give the assembly. */
@RequiresKvm
@Timeout(30)
class BareMetalTest {
  private static final int HLT = 0xf4;

  @Test
  void kvm_hasWhatTheProjectNeeds() throws Exception {
    try (Kvm kvm = Kvm.open()) {
      assertEquals(12, kvm.apiVersion());
      assertEquals(
          List.of(),
          kvm.missing(
              Capability.IRQCHIP,
              Capability.USER_MEMORY,
              Capability.IRQFD,
              Capability.IOEVENTFD,
              Capability.IMMEDIATE_EXIT));
      assertTrue(kvm.supportedCpuid().count() > 0);
      assertTrue(kvm.msrIndexList().length > 0);
    }
  }

  @Test
  void out_exitsWithPortAndData() throws Exception {
    // mov $0x3f8,%dx; mov $0x41,%al; out %al,(%dx); hlt
    try (TinyGuest guest = TinyGuest.bare(0xba, 0xf8, 0x03, 0xb0, 0x41, 0xee, HLT)) {
      assertEquals("IO write port 0x3f8 size 1 count 1", guest.runToExit());
      assertEquals(0x41, guest.vcpu.runState().ioData(0));
      assertEquals("HLT", guest.runToExit());
    }
  }

  @Test
  void in_givesTheGuestTheAnswer() throws Exception {
    // mov $0x60,%dx; in (%dx),%ax; mov %ax,%bx; hlt
    try (TinyGuest guest = TinyGuest.bare(0xba, 0x60, 0x00, 0xed, 0x89, 0xc3, HLT)) {
      assertEquals("IO read port 0x60 size 2 count 1", guest.runToExit());
      guest.vcpu.runState().ioData(0, 0xbeef);

      assertEquals("HLT", guest.runToExit());

      Registers registers = new Registers();
      guest.vcpu.get(registers);
      assertEquals(0xbeef, registers.rbx() & 0xffff);
    }
  }

  @Test
  void memoryWrite_outsideRamExitsWithItsData() throws Exception {
    // movw $0x1234,(0x50); hlt
    try (TinyGuest guest = TinyGuest.bare(0xc7, 0x06, 0x50, 0x00, 0x34, 0x12, HLT)) {
      assertEquals("MMIO write 0xd0000050 length 2", guest.runToExit());
      assertEquals(0x1234, guest.vcpu.runState().mmioData());
      assertEquals("HLT", guest.runToExit());
    }
  }

  @Test
  void memoryRead_outsideRamGetsTheAnswer() throws Exception {
    // mov (0x04),%ax; mov %ax,%bx; hlt
    try (TinyGuest guest = TinyGuest.bare(0xa1, 0x04, 0x00, 0x89, 0xc3, HLT)) {
      assertEquals("MMIO read 0xd0000004 length 2", guest.runToExit());
      guest.vcpu.runState().mmioData(0x5678);

      assertEquals("HLT", guest.runToExit());

      Registers registers = new Registers();
      guest.vcpu.get(registers);
      assertEquals(0x5678, registers.rbx() & 0xffff);
    }
  }

  @Test
  void ioEventFd_matchingWriteSignalsWithoutExit() throws Exception {
    // movw $1,(0x50); hlt
    try (TinyGuest guest = TinyGuest.bare(0xc7, 0x06, 0x50, 0x00, 0x01, 0x00, HLT);
        EventFd signal = EventFd.open();
        IoEventFd tie =
            guest.vm.ioEventFd(IoEventFd.Match.memory(TinyGuest.DEVICE + 0x50, 2, 1), signal)) {
      assertEquals("HLT", guest.runToExit());
      assertEquals(1, signal.drain());
      assertEquals(1, tie.match().value());
    }
  }

  @Test
  void ioEventFd_otherValueExits() throws Exception {
    // movw $2,(0x50); hlt
    try (TinyGuest guest = TinyGuest.bare(0xc7, 0x06, 0x50, 0x00, 0x02, 0x00, HLT);
        EventFd signal = EventFd.open();
        IoEventFd tie =
            guest.vm.ioEventFd(IoEventFd.Match.memory(TinyGuest.DEVICE + 0x50, 2, 1), signal)) {
      assertEquals("MMIO write 0xd0000050 length 2", guest.runToExit());
      assertEquals(0, signal.drain());
      assertEquals(TinyGuest.DEVICE + 0x50, tie.match().address());
    }
  }

  @Test
  void ioEventFd_wildcardPortSignals() throws Exception {
    // mov $0x77,%al; out %al,$0x44; hlt
    try (TinyGuest guest = TinyGuest.bare(0xb0, 0x77, 0xe6, 0x44, HLT);
        EventFd signal = EventFd.open();
        IoEventFd tie = guest.vm.ioEventFd(IoEventFd.Match.port(0x44, 1), signal)) {
      assertEquals("HLT", guest.runToExit());
      assertEquals(1, signal.drain());
      assertTrue(tie.match().wildcard());
    }
  }

  @Test
  void ioEventFd_closedTieExitsAgain() throws Exception {
    try (TinyGuest guest = TinyGuest.bare(0xb0, 0x77, 0xe6, 0x44, HLT);
        EventFd signal = EventFd.open()) {
      IoEventFd tie = guest.vm.ioEventFd(IoEventFd.Match.port(0x44, 1), signal);
      tie.close();
      tie.close();

      assertEquals("IO write port 0x44 size 1 count 1", guest.runToExit());
      assertEquals(0, signal.drain());
    }
  }

  @Test
  void ioEventFd_tiedTwiceIsRefused() throws Exception {
    try (TinyGuest guest = TinyGuest.bare(HLT);
        EventFd signal = EventFd.open();
        IoEventFd tie = guest.vm.ioEventFd(IoEventFd.Match.port(0x44, 1), signal)) {
      var failure =
          assertThrows(ErrnoException.class, () -> guest.vm.ioEventFd(tie.match(), signal));

      assertEquals(Errno.EEXIST, failure.errno());
    }
  }

  @Test
  void readOnlySlot_readsCostNothingAndWritesExit() throws Exception {
    // mov (0x04),%ax; mov %ax,%bx; mov %ax,(0x06); hlt
    try (TinyGuest guest = TinyGuest.bare(0xa1, 0x04, 0x00, 0x89, 0xc3, 0xa3, 0x06, 0x00, HLT);
        Mapping page = Mapping.anonymous(4096)) {
      page.segment().set(ValueLayout.JAVA_SHORT, 4, (short) 0x2222);
      MemorySlot slot = guest.vm.addMemory(TinyGuest.DEVICE, page.segment(), true);

      assertEquals("MMIO write 0xd0000006 length 2", guest.runToExit());
      assertEquals(0x2222, guest.vcpu.runState().mmioData());
      assertEquals("HLT", guest.runToExit());
      assertEquals(0, page.segment().get(ValueLayout.JAVA_SHORT, 6));
      slot.close();
    }
  }

  @Test
  void memorySlot_closedIsOutsideRamAgainAndItsNumberIsReused() throws Exception {
    try (TinyGuest guest = TinyGuest.bare(0xa1, 0x04, 0x00, HLT);
        Mapping page = Mapping.anonymous(4096)) {
      guest.vm.addMemory(TinyGuest.DEVICE, page.segment(), false).close();
      MemorySlot elsewhere = guest.vm.addMemory(TinyGuest.DEVICE + 0x10000, page.segment(), false);

      assertEquals("MMIO read 0xd0000004 length 2", guest.runToExit());
      elsewhere.close();
    }
  }

  @Test
  void memorySlot_overlapIsRefusedWithItsAddress() throws Exception {
    try (TinyGuest guest = TinyGuest.bare(HLT);
        Mapping page = Mapping.anonymous(4096)) {
      var failure =
          assertThrows(
              ErrnoException.class, () -> guest.vm.addMemory(0x2000, page.segment(), false));

      assertEquals(
          "KVM_SET_USER_MEMORY_REGION slot 1 at 0x2000, 4096 bytes: EEXIST (File exists)",
          failure.getMessage());
    }
  }

  @Test
  void dirtyLog_hasThePageThatTheGuestWrote() throws Exception {
    // xor %ax,%ax; mov %ax,%ds; mov %ax,(0x5000); hlt
    try (TinyGuest guest = TinyGuest.bare(0x31, 0xc0, 0x8e, 0xd8, 0xa3, 0x00, 0x50, HLT);
        Arena arena = Arena.ofConfined()) {
      MemorySegment bitmap = arena.allocate(guest.slot.dirtyBitmapBytes(), 8);
      guest.slot.logDirtyPages(true);
      guest.slot.takeDirtyPages(bitmap);

      assertEquals("HLT", guest.runToExit());

      guest.slot.takeDirtyPages(bitmap);
      // With nested paging KVM maps the page of the code when the guest first reads it, writable if
      // it can, and logs each page that it maps writable. An emulator that reads it maps nothing.
      long codePage = 1L << (TinyGuest.CODE >> 12);
      assertEquals(1L << 5, bitmap.get(ValueLayout.JAVA_LONG, 0) & ~codePage);
      for (long offset = 8; offset < bitmap.byteSize(); offset += 8) {
        assertEquals(0, bitmap.get(ValueLayout.JAVA_LONG, offset));
      }
      guest.slot.takeDirtyPages(bitmap);
      assertEquals(0, bitmap.get(ValueLayout.JAVA_LONG, 0));
    }
  }

  @Test
  void injectedException_reachesTheGuestsHandler() throws Exception {
    // hlt; the handler of vector 6 at 0x2000: out %al,$0x99
    try (TinyGuest guest = TinyGuest.bare(HLT)) {
      guest.memory().write(0x2000, TinyGuest.bytes(0xe6, 0x99, HLT));
      guest.memory().putInt(6 * 4, 0x2000);
      guest.vcpu.injectException(6);

      assertEquals("IO write port 0x99 size 1 count 1", guest.runToExit());
    }
  }

  @Test
  void tripleFault_isAShutdown() throws Exception {
    // ud2, in protected mode with an interrupt table that has no entries
    try (TinyGuest guest = TinyGuest.bare(0x0f, 0x0b)) {
      SpecialRegisters special = new SpecialRegisters();
      guest.vcpu.get(special);
      special.cr0(special.cr0() | 1);
      special.set(SpecialRegisters.Name.CS, Segment.code32(8));
      special.set(SpecialRegisters.Name.DS, Segment.data(16));
      special.set(SpecialRegisters.Name.SS, Segment.data(16));
      special.idt(new DescriptorTable(0, 0));
      guest.vcpu.set(special);

      assertEquals("SHUTDOWN", guest.runToExit());
    }
  }

  @Test
  void statistics_countTheExits() throws Exception {
    try (TinyGuest guest = TinyGuest.bare(0xe6, 0x44, 0xe6, 0x44, HLT);
        KvmStats vcpuStats = guest.vcpu.statistics();
        KvmStats vmStats = guest.vm.statistics()) {
      guest.runToExit();
      Map<String, Long> before = vcpuStats.read();
      guest.runToExit();
      Map<String, Long> after = vcpuStats.read();

      assertTrue(after.get("exits") > before.get("exits"), () -> before + " then " + after);
      assertTrue(vmStats.read().containsKey("remote_tlb_flush"));
    }
  }

  @Test
  void exitLoop_allocatesNothingButWhatTheLinkerNeeds() throws Exception {
    // out %al,$0x44; jmp back to it
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (TinyGuest guest = TinyGuest.bare(0xe6, 0x44, 0xeb, 0xfc)) {
      long sum = runExits(guest, 1000);
      long before = threads.getCurrentThreadAllocatedBytes();
      sum += runExits(guest, 1000);
      long bytes = threads.getCurrentThreadAllocatedBytes() - before;

      // The linker allocates a 40-byte slice of the errno segment on each call until C2 removes it.
      // One more object per call would add at least 16 bytes.
      assertTrue(bytes < 1000 * 56, () -> bytes + " bytes");
      assertEquals(2000 * (ExitReason.IO + 0x44), sum);
    }
  }

  @Test
  void close_ofAVmInUseLeavesNothingBehindAndIsIdempotent() throws Exception {
    TinyGuest guest = TinyGuest.bare(HLT);
    guest.close();
    guest.close();

    guest.vcpu.kick();
    guest.slot.close();
    assertEquals(-Errno.EBADF, guest.vm.irqLine(5, true));
    assertThrows(IllegalStateException.class, guest.vcpu::run);
  }

  @Test
  void open_missingDevice_namesTheRemedy() {
    var failure =
        assertThrows(ErrnoException.class, () -> Kvm.open(Path.of("/dev/kvm-is-not-here")));

    assertEquals(
        "open /dev/kvm-is-not-here: ENOENT (No such file or directory)", failure.getMessage());
  }

  @Test
  void open_otherDeviceIsNotKvm() {
    var failure = assertThrows(ErrnoException.class, () -> Kvm.open(Path.of("/dev/null")));

    assertEquals(Errno.ENOTTY, failure.errno());
  }

  private static long runExits(TinyGuest guest, int count) {
    VcpuRun run = guest.vcpu.runState();
    long sum = 0;
    for (int i = 0; i < count; i++) {
      sum += guest.vcpu.run() + run.exitReason() + run.ioPort() + run.ioData(0);
    }
    return sum;
  }
}
