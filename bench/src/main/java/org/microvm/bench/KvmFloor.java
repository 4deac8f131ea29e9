package org.microvm.bench;

import java.util.ArrayList;
import java.util.List;
import org.microvm.kvm.IoEventFd;
import org.microvm.kvm.Kvm;
import org.microvm.kvm.Registers;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuState;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.linux.GuestRam;

/**
 * A VM without a VMM: the calls of KVM that a machine cannot do without. What they take is nearly
 * all a wait in the kernel, and the floor of what a machine takes to be restored and closed.
 */
final class KvmFloor implements AutoCloseable {
  private static final long TSS = 0xfffb_d000L;
  private static final long IDENTITY_MAP = 0xfffb_c000L;
  private static final long NOTIFY = 0xd000_0050L;
  private static final int IRQ = 5;

  /** Of two devices' queues and of their acknowledgements. */
  private static final int NOTIFICATIONS = 4;

  private final Kvm kvm;
  private final GuestRam ram;
  private final List<EventFd> events = new ArrayList<>();
  private final Vm vm;
  private final Vcpu vcpu;

  private KvmFloor(Kvm kvm, GuestRam ram) throws ErrnoException {
    this.kvm = kvm;
    this.ram = ram;
    vm = kvm.createVm();
    vm.setTssAddress(TSS);
    vm.setIdentityMapAddress(IDENTITY_MAP);
    vm.createIrqchip();
    vm.createPit2();
    vm.addMemory(ram.memory());
    vcpu = vm.createVcpu(0);
  }

  /** Makes a VM with a vCPU whose state is set, but which never runs. */
  static KvmFloor make(long memoryBytes) throws ErrnoException {
    KvmFloor floor = new KvmFloor(Kvm.open(), GuestRam.allocate(memoryBytes));
    floor.setState();
    for (int i = 0; i < NOTIFICATIONS; i++) {
      EventFd event = EventFd.open();
      floor.events.add(event);
      floor.vm.ioEventFd(IoEventFd.Match.memory(NOTIFY, Integer.BYTES, i), event);
      floor.vm.irqFd(IRQ + i, event);
    }
    return floor;
  }

  private void setState() throws ErrnoException {
    vcpu.set(kvm.supportedCpuid());
    SpecialRegisters special = new SpecialRegisters();
    vcpu.get(special);
    vcpu.set(special);
    Registers registers = new Registers();
    vcpu.get(registers);
    vcpu.set(registers);
    vcpu.restore(VcpuState.LOCAL_APIC, vcpu.save(VcpuState.LOCAL_APIC));
    vcpu.restore(VcpuState.EXTENDED_STATE, vcpu.save(VcpuState.EXTENDED_STATE));
  }

  @Override
  public void close() {
    vcpu.close();
    vm.close();
    events.forEach(EventFd::close);
    ram.close();
    kvm.close();
  }
}
