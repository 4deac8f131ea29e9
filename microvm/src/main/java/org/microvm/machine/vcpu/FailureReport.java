package org.microvm.machine.vcpu;

import java.util.HexFormat;
import java.util.Optional;
import org.microvm.kvm.Registers;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuRun;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.emulation.UnsupportedInstruction;

/**
 * Reports why a guest cannot continue: the reason in one line, then the place, the processor mode,
 * the code bytes, the registers and what to try.
 */
public final class FailureReport {
  private static final long CR0_PE = 1;
  private static final long CR0_PG = 1L << 31;

  /** The instruction pointer after INIT (Intel SDM volume 3, 10.1.1). */
  private static final long RIP_AFTER_INIT = 0xfff0;

  private final RegisterSource vcpu;

  /** Reports on this vCPU. */
  public FailureReport(Vcpu vcpu) {
    this(new KvmRegisters(vcpu));
  }

  FailureReport(RegisterSource vcpu) {
    this.vcpu = vcpu;
  }

  /** A stopped vCPU whose registers can be read. */
  interface RegisterSource {
    int id();

    void get(Registers registers) throws ErrnoException;

    void get(SpecialRegisters registers) throws ErrnoException;
  }

  private record KvmRegisters(Vcpu vcpu) implements RegisterSource {
    @Override
    public int id() {
      return vcpu.id();
    }

    @Override
    public void get(Registers registers) throws ErrnoException {
      vcpu.get(registers);
    }

    @Override
    public void get(SpecialRegisters registers) throws ErrnoException {
      vcpu.get(registers);
    }
  }

  /**
   * AMD processors leave the state at a shutdown undefined, so KVM resets the vCPU before it
   * reports the exit (shutdown_interception in arch/x86/kvm/svm/svm.c): those registers would
   * mislead.
   */
  String tripleFault() {
    String reason =
        "the guest triple-faulted: an exception could not be delivered (KVM_EXIT_SHUTDOWN)";
    String advice =
        "if this happens early in the boot, use a kernel that supports this CPU and"
            + " entry point, or more --memory";
    if (isAfterInit()) {
      return "%s%n  vcpu %d: the faulting address is unknown, because KVM reset the registers%n  try: %s"
          .formatted(reason, vcpu.id(), advice);
    }
    return where(reason, new byte[0], advice);
  }

  private boolean isAfterInit() {
    try {
      Registers registers = new Registers();
      SpecialRegisters special = new SpecialRegisters();
      vcpu.get(registers);
      vcpu.get(special);
      return registers.rip() == RIP_AFTER_INIT && (special.cr0() & CR0_PE) == 0;
    } catch (ErrnoException e) {
      return false; // where() says so
    }
  }

  String internalError(VcpuRun run) {
    if (run.internalSuberror() != VcpuRun.INTERNAL_ERROR_EMULATION) {
      return where(run.describe(), new byte[0], "look for KVM's messages in the host's kernel log");
    }
    byte[] code = run.instructionBytes();
    Optional<UnsupportedInstruction> known = UnsupportedInstruction.of(code);
    String name = known.map(instruction -> ", " + instruction.mnemonic() + ",").orElse("");
    return where(
        "KVM cannot emulate an instruction of the guest%s (KVM_EXIT_INTERNAL_ERROR, suberror 1)"
            .formatted(name),
        code,
        known
                .map(instruction -> "the kernel parameter " + instruction.parameter())
                .orElse("a guest without this instruction")
            + "; see docs/kernels.md");
  }

  String entryFailed(VcpuRun run) {
    return where(
        "the processor refused to enter the guest: " + run.describe(),
        new byte[0],
        "run the guest on another host: this processor does not support the vCPU's state");
  }

  String unknownExit(VcpuRun run) {
    return where(
        "the guest caused an exit that this VMM does not support: " + run.describe(),
        new byte[0],
        "use a newer version of microvm: this KVM has an exit reason that this"
            + " version does not support");
  }

  String systemEvent(VcpuRun run) {
    return where("the guest reported a crash: " + run.describe(), new byte[0], "");
  }

  private String where(String reason, byte[] code, String advice) {
    StringBuilder text = new StringBuilder(reason);
    try {
      Registers registers = new Registers();
      SpecialRegisters special = new SpecialRegisters();
      vcpu.get(registers);
      vcpu.get(special);
      text.append(
          "%n  vcpu %d at RIP 0x%x, %s".formatted(vcpu.id(), registers.rip(), mode(special)));
      if (code.length > 0) {
        text.append(", code bytes ").append(HexFormat.ofDelimiter(" ").formatHex(code));
      }
      text.append(
          "%n  CR0 0x%x CR2 0x%x CR3 0x%x".formatted(special.cr0(), special.cr2(), special.cr3()));
      text.append(" CR4 0x%x EFER 0x%x%n".formatted(special.cr4(), special.efer()));
      text.append(registers.dump().indent(2).stripTrailing());
    } catch (ErrnoException e) {
      text.append("%n  the registers cannot be read: %s".formatted(e.getMessage()));
    }
    return advice.isEmpty() ? text.toString() : text.append("%n  try: ".formatted()) + advice;
  }

  private static String mode(SpecialRegisters special) {
    var code = special.get(SpecialRegisters.Name.CS);
    var stack = special.get(SpecialRegisters.Name.SS);
    String mode;
    if ((special.cr0() & CR0_PE) == 0) {
      mode = "real mode";
    } else if (code.attributes().l()) {
      mode = "64-bit mode";
    } else {
      mode = code.attributes().db() ? "32-bit protected mode" : "16-bit protected mode";
    }
    return "%s, CPL %d, paging %s"
        .formatted(mode, stack.attributes().dpl(), (special.cr0() & CR0_PG) != 0 ? "on" : "off");
  }
}
