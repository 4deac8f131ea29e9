package org.microvm.machine.vcpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.microvm.kvm.Registers;
import org.microvm.kvm.Segment;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;

class FailureReportTest {
  private static final long CR0_PE = 1;
  private static final long CR0_PG = 1L << 31;

  private static String report(FakeRegisters registers) {
    return new FailureReport(registers).tripleFault();
  }

  private static FakeRegisters with(long cr0, Segment code, int cpl) {
    Segment.Attributes stack = Segment.data(0).attributes();
    Segment.Attributes atLevel =
        new Segment.Attributes(
            stack.type(),
            stack.present(),
            cpl,
            stack.db(),
            stack.s(),
            stack.l(),
            stack.g(),
            stack.avl(),
            stack.unusable());
    return new FakeRegisters(
        registers -> registers.rip(0xffff_ffff_8100_0000L),
        special -> {
          special.cr0(cr0);
          special.set(SpecialRegisters.Name.CS, code);
          special.set(SpecialRegisters.Name.SS, new Segment(0, 0, 0, atLevel));
        });
  }

  @Test
  void report_ofAProcessAtALongModeAddress_hasPlaceAndMode() {
    String text = report(with(CR0_PE | CR0_PG, Segment.code64(0x33), 3));

    assertTrue(
        text.contains("vcpu 3 at RIP 0xffffffff81000000, 64-bit mode, CPL 3, paging on"), text);
  }

  @Test
  void report_beforePaging_showsThatPagingIsOff() {
    String text = report(with(CR0_PE, Segment.code32(0x10), 0));

    assertTrue(text.contains("32-bit protected mode, CPL 0, paging off"), text);
  }

  @Test
  void report_atReset_isOfRealMode() {
    String text = report(FakeRegisters.zero());

    assertTrue(text.contains("real mode, CPL 0, paging off"), text);
  }

  @Test
  void tripleFault_whereKvmResetTheRegisters_doesNotShowThem() {
    String text =
        report(new FakeRegisters(registers -> registers.rip(0xfff0), special -> special.cr0(0x10)));

    assertTrue(text.contains("vcpu 3: the faulting address is unknown"), text);
    assertFalse(text.contains("CR0"), text);
    assertFalse(text.contains("real mode"), text);
  }

  @Test
  void report_hasTheControlRegistersAndTheDump() {
    String text =
        report(
            new FakeRegisters(
                registers -> registers.rax(0x1234_5678),
                special -> {
                  special.cr3(0x1000);
                  special.efer(0x500);
                }));

    assertTrue(text.contains("CR3 0x1000"), text);
    assertTrue(text.contains("EFER 0x500"), text);
    assertTrue(text.contains("12345678"), text);
  }

  @Test
  void report_beginsWithTheReasonInOneLine() {
    String first = report(FakeRegisters.zero()).lines().findFirst().orElseThrow();

    assertTrue(first.endsWith("(KVM_EXIT_SHUTDOWN)"), first);
  }

  @Test
  void internalError_hasTheBytesThatKvmGives() {
    SyntheticExit exit = SyntheticExit.notEmulated((byte) 0x0f, (byte) 0xae);

    String text = new FailureReport(FakeRegisters.zero()).internalError(exit.run());

    assertTrue(text.contains("code bytes 0f ae"), text);
  }

  @Test
  void internalError_ofAnotherKind_hasNoBytes() {
    String text =
        new FailureReport(FakeRegisters.zero()).internalError(SyntheticExit.internalError(2).run());

    assertFalse(text.contains("code bytes"), text);
  }

  @Test
  void report_ofRegistersThatCannotBeRead_stillHasTheReason() {
    FailureReport.RegisterSource unreadable =
        new FailureReport.RegisterSource() {
          @Override
          public int id() {
            return 0;
          }

          @Override
          public void get(Registers registers) throws ErrnoException {
            throw new ErrnoException("KVM_GET_REGS", Errno.EBADF);
          }

          @Override
          public void get(SpecialRegisters registers) {}
        };

    String text = new FailureReport(unreadable).tripleFault();

    assertTrue(text.contains("KVM_EXIT_SHUTDOWN"), text);
    assertTrue(text.contains("KVM_GET_REGS"), text);
    assertEquals(0, text.lines().filter(line -> line.contains("CR0")).count());
  }
}
