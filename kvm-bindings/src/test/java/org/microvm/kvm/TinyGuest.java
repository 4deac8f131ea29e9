package org.microvm.kvm;

import org.microvm.linux.GuestRam;
import org.microvm.memory.GuestMemory;

/** A VM with one vCPU that is about to run a few bytes of real-mode code at {@link #CODE}. */
final class TinyGuest implements AutoCloseable {
  static final int CODE = 0x1000;
  static final int STACK = 0x8000;
  static final long RAM = 1 << 20;

  /** Where the guest's DS points; there is no memory unless a test adds it. */
  static final long DEVICE = 0xd000_0000L;

  final Kvm kvm;
  final GuestRam ram;
  final Vm vm;
  final MemorySlot slot;
  final Vcpu vcpu;

  private TinyGuest(boolean irqchip, byte[] code) throws Exception {
    kvm = Kvm.open();
    ram = GuestRam.allocate(RAM);
    vm = kvm.createVm();
    if (irqchip) {
      vm.setTssAddress(0xfffb_d000L);
      vm.createIrqchip();
      vm.createPit2();
    }
    slot = vm.addMemory(ram.memory()).getFirst();
    vcpu = vm.createVcpu(0);
    memory().write(CODE, code);
    enterRealMode();
  }

  /** Without interrupt controllers, so that HLT exits. */
  static TinyGuest bare(int... code) throws Exception {
    return new TinyGuest(false, bytes(code));
  }

  /** With interrupt controllers in the kernel, so that HLT waits. */
  static TinyGuest withIrqchip(int... code) throws Exception {
    return new TinyGuest(true, bytes(code));
  }

  static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  private void enterRealMode() throws Exception {
    SpecialRegisters special = new SpecialRegisters();
    vcpu.get(special);
    Segment code = special.get(SpecialRegisters.Name.CS);
    Segment data = special.get(SpecialRegisters.Name.DS);
    special.set(SpecialRegisters.Name.CS, new Segment(0, 0xffff, 0, code.attributes()));
    special.set(SpecialRegisters.Name.DS, new Segment(DEVICE, 0xffff, 0, data.attributes()));
    vcpu.set(special);
    Registers registers = new Registers();
    registers.rip(CODE);
    registers.rsp(STACK);
    registers.rflags(2);
    vcpu.set(registers);
  }

  GuestMemory memory() {
    return ram.memory();
  }

  /** Runs to the next exit and describes it. */
  String runToExit() {
    int error = vcpu.run();
    return error == 0 ? vcpu.runState().describe() : "errno " + error;
  }

  @Override
  public void close() {
    vcpu.close();
    vm.close();
    kvm.close();
    ram.close();
  }
}
