package org.microvm.machine.vcpu;

import org.microvm.kvm.Registers;
import org.microvm.kvm.Vcpu;
import org.microvm.linux.ErrnoException;

/** Accesses a stopped vCPU through KVM. Exits that need this are rare, so nothing is cached. */
public final class KvmCpuAccess implements CpuAccess {
  private final Vcpu vcpu;
  private final Registers registers = new Registers();

  /** Accesses this vCPU. */
  public KvmCpuAccess(Vcpu vcpu) {
    this.vcpu = vcpu;
  }

  private Registers fetch() {
    try {
      vcpu.get(registers);
      return registers;
    } catch (ErrnoException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public long rip() {
    return fetch().rip();
  }

  @Override
  public long rflags() {
    return fetch().rflags();
  }

  @Override
  public void resume(long rip, long rflags) {
    Registers all = fetch();
    all.rip(rip);
    all.rflags(rflags);
    try {
      vcpu.set(all);
    } catch (ErrnoException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void injectException(int vector) {
    try {
      vcpu.injectException(vector);
    } catch (ErrnoException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public byte[] code() {
    return vcpu.runState().instructionBytes();
  }
}
