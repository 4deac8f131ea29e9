package org.microvm.machine.x86;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.microvm.firmware.InitialCpuState;
import org.microvm.firmware.SegmentRegister;
import org.microvm.kvm.DescriptorTable;
import org.microvm.kvm.Msrs;
import org.microvm.kvm.Registers;
import org.microvm.kvm.Segment;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.kvm.SpecialRegisters.Name;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuState;
import org.microvm.linux.ErrnoException;

/** Sets a new vCPU to the state in which firmware would leave it. */
public final class VcpuSetup {
  private static final int MSR_IA32_MISC_ENABLE = 0x1a0;
  private static final long MISC_ENABLE_FAST_STRING = 1;

  /** Makes all memory write-back: no range register sets another type (Intel SDM 3, 12). */
  private static final int MSR_MTRR_DEF_TYPE = 0x2ff;

  private static final long MTRR_ENABLED_WRITE_BACK = 1 << 11 | 6;

  /** Offsets in the local APIC's register page, and the delivery modes of virtual wire mode. */
  private static final int APIC_LVT_LINT0 = 0x350;

  private static final int APIC_LVT_LINT1 = 0x360;
  private static final int APIC_DELIVERY_MASK = 0x700;
  private static final int APIC_DELIVERY_EXTINT = 0x700;
  private static final int APIC_DELIVERY_NMI = 0x400;
  private static final int APIC_MASKED = 1 << 16;

  private VcpuSetup() {}

  /** Sets the state that is common to all vCPUs. */
  public static void common(Vcpu vcpu) throws ErrnoException {
    Msrs msrs =
        new Msrs(2)
            .add(MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING)
            .add(MSR_MTRR_DEF_TYPE, MTRR_ENABLED_WRITE_BACK);
    // Guests run without these registers, too, if a KVM does not support them.
    vcpu.set(msrs);
    byte[] apic = vcpu.save(VcpuState.LOCAL_APIC);
    ByteBuffer registers = ByteBuffer.wrap(apic).order(ByteOrder.LITTLE_ENDIAN);
    deliver(registers, APIC_LVT_LINT0, APIC_DELIVERY_EXTINT);
    deliver(registers, APIC_LVT_LINT1, APIC_DELIVERY_NMI);
    vcpu.restore(VcpuState.LOCAL_APIC, apic);
  }

  private static void deliver(ByteBuffer registers, int register, int mode) {
    registers.putInt(register, registers.getInt(register) & ~APIC_DELIVERY_MASK | mode);
  }

  /**
   * {@return whether a vCPU takes its LINT1 as an NMI}
   *
   * @param apic the state of its local APIC, as KVM saves it
   */
  public static boolean takesNmi(byte[] apic) {
    int lint1 = ByteBuffer.wrap(apic).order(ByteOrder.LITTLE_ENDIAN).getInt(APIC_LVT_LINT1);
    return (lint1 & (APIC_MASKED | APIC_DELIVERY_MASK)) == APIC_DELIVERY_NMI;
  }

  /** Sets the registers of the first vCPU for the guest's first instruction. */
  public static void start(Vcpu vcpu, InitialCpuState state) throws ErrnoException {
    SpecialRegisters special = new SpecialRegisters();
    // Read first, to keep KVM's values of the APIC base and other registers.
    vcpu.get(special);
    special.set(Name.CS, segment(state.code()));
    for (Name name : new Name[] {Name.DS, Name.ES, Name.FS, Name.GS, Name.SS}) {
      special.set(name, segment(state.data()));
    }
    special.set(Name.TR, segment(state.task()));
    special.gdt(new DescriptorTable(state.gdtBase(), state.gdtLimit()));
    special.idt(new DescriptorTable(state.idtBase(), state.idtLimit()));
    special.cr0(state.cr0());
    special.cr3(state.cr3());
    special.cr4(state.cr4());
    special.efer(state.efer());
    vcpu.set(special);

    Registers registers = new Registers();
    registers.rip(state.rip());
    registers.rsp(state.rsp());
    registers.rbx(state.rbx());
    registers.rsi(state.rsi());
    registers.rflags(state.rflags());
    vcpu.set(registers);
  }

  private static Segment segment(SegmentRegister from) {
    return new Segment(
        from.base(),
        from.limit(),
        from.selector(),
        new Segment.Attributes(
            from.type(),
            true,
            0,
            from.wide(),
            !from.system(),
            from.longMode(),
            from.granular(),
            false,
            false));
  }
}
