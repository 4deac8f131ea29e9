package org.microvm.machine.vcpu;

import java.util.function.Consumer;
import org.microvm.kvm.Registers;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.linux.ErrnoException;

/** The registers of vCPU 3, as the test sets them. */
final class FakeRegisters implements FailureReport.RegisterSource {
  private final Consumer<Registers> general;
  private final Consumer<SpecialRegisters> special;

  FakeRegisters(Consumer<Registers> general, Consumer<SpecialRegisters> special) {
    this.general = general;
    this.special = special;
  }

  /** All registers are zero, as in real mode. */
  static FakeRegisters zero() {
    return new FakeRegisters(registers -> {}, registers -> {});
  }

  @Override
  public int id() {
    return 3;
  }

  @Override
  public void get(Registers registers) throws ErrnoException {
    general.accept(registers);
  }

  @Override
  public void get(SpecialRegisters registers) {
    special.accept(registers);
  }
}
