package org.microvm.machine.emulation;

import org.microvm.kvm.Msrs;
import org.microvm.kvm.Registers;
import org.microvm.kvm.Segment;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.kvm.Vcpu;
import org.microvm.linux.ErrnoException;
import org.microvm.memory.GuestMemory;

/**
 * Accesses a stopped vCPU through KVM. The segment and control registers, which few instructions
 * need, are read on first use.
 */
public final class KvmCpuAccess implements CpuAccess {
  private static final long CR0_PG = 1L << 31;

  private final Vcpu vcpu;
  private final GuestMemory memory;
  private final Registers registers = new Registers();
  private final SpecialRegisters special = new SpecialRegisters();
  private boolean hasSpecial;

  /** Accesses this vCPU, whose guest has this RAM. */
  public KvmCpuAccess(Vcpu vcpu, GuestMemory memory) {
    this.vcpu = vcpu;
    this.memory = memory;
  }

  /** A call of KVM that succeeds unless this program has a bug. */
  private interface Call {
    void run() throws ErrnoException;
  }

  private static void call(Call call) {
    try {
      call.run();
    } catch (ErrnoException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void begin() {
    hasSpecial = false;
    call(() -> vcpu.get(registers));
  }

  private SpecialRegisters special() {
    if (!hasSpecial) {
      call(() -> vcpu.get(special));
      hasSpecial = true;
    }
    return special;
  }

  @Override
  public long rip() {
    return registers.rip();
  }

  @Override
  public long rflags() {
    return registers.rflags();
  }

  @Override
  public long register(int number) {
    return registers.general(number);
  }

  @Override
  public void register(int number, long value) {
    registers.general(number, value);
  }

  @Override
  public void resume(long rip, long rflags) {
    registers.rip(rip);
    registers.rflags(rflags);
    call(() -> vcpu.set(registers));
  }

  @Override
  public void injectException(int vector) {
    call(() -> vcpu.injectException(vector));
  }

  @Override
  public void injectException(int vector, int errorCode) {
    call(() -> vcpu.injectException(vector, errorCode));
  }

  @Override
  public byte[] code() {
    return vcpu.runState().instructionBytes();
  }

  @Override
  public boolean is64Bit() {
    SpecialRegisters now = special();
    return (now.cr0() & CR0_PG) != 0 && now.get(SpecialRegisters.Name.CS).attributes().l();
  }

  @Override
  public int privilegeLevel() {
    return special().get(SpecialRegisters.Name.SS).attributes().dpl();
  }

  @Override
  public long fsBase() {
    return special().get(SpecialRegisters.Name.FS).base();
  }

  @Override
  public long gsBase() {
    return special().get(SpecialRegisters.Name.GS).base();
  }

  @Override
  public long idtBase() {
    return special().idt().base();
  }

  @Override
  public long msr(int index) {
    Msrs one = new Msrs(1).add(index);
    call(() -> vcpu.get(one));
    return one.value(0);
  }

  @Override
  public void enterUserMode(int code, int stack) {
    special().set(SpecialRegisters.Name.CS, Segment.userCode64(code));
    special().set(SpecialRegisters.Name.SS, Segment.userData(stack));
    call(() -> vcpu.set(special));
  }

  @Override
  public void breakpoint(long address) {
    call(() -> vcpu.breakpoint(address));
  }

  @Override
  public GuestPageTables pageTables() {
    return new GuestPageTables(memory, special().cr3(), special().cr4());
  }

  @Override
  public GuestMemory memory() {
    return memory;
  }
}
