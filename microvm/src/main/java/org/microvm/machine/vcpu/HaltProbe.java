package org.microvm.machine.vcpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;
import org.microvm.kvm.Registers;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuState;
import org.microvm.linux.ErrnoException;

/**
 * Detects whether a vCPU has stopped permanently: it has executed HLT with interrupts off and no
 * non-maskable interrupt is pending, or it was never started (KVM API, KVM_GET_MP_STATE).
 *
 * <p>KVM handles HLT in the kernel, so that it is no exit. The vCPU has to be taken out of the
 * guest for an answer.
 */
public final class HaltProbe implements HaltWatch.Watched {
  private static final long INTERRUPTS_ON = 1L << 9;

  /** KVM_MP_STATE_UNINITIALIZED, KVM_MP_STATE_INIT_RECEIVED and KVM_MP_STATE_HALTED. */
  private static final int UNINITIALIZED = 1;

  private static final int INIT_RECEIVED = 2;
  private static final int HALTED = 3;

  /** Offsets in struct kvm_vcpu_events. */
  private static final int NMI_INJECTED = 12;

  private static final int NMI_PENDING = 13;

  private final Vcpu vcpu;
  private final Registers registers = new Registers();
  private volatile boolean asked;
  private volatile Optional<Boolean> answer = Optional.empty();
  private volatile long rip;

  /** Watches this vCPU. */
  public HaltProbe(Vcpu vcpu) {
    this.vcpu = vcpu;
  }

  @Override
  public long sleeps() {
    return vcpu.switchesIfAsleep();
  }

  @Override
  public void ask() {
    answer = Optional.empty();
    asked = true;
    vcpu.kick();
  }

  @Override
  public Optional<Boolean> hasStopped() {
    return answer;
  }

  @Override
  public String place() {
    return "vcpu %d at RIP 0x%x".formatted(vcpu.id(), rip);
  }

  /** Answers the probe if there is one. Called on the vCPU's thread, after a kick. */
  void answer() {
    if (!asked) {
      return;
    }
    asked = false;
    try {
      answer = Optional.of(look());
    } catch (ErrnoException e) {
      // No answer: the watch begins again.
    }
  }

  private boolean look() throws ErrnoException {
    vcpu.get(registers);
    rip = registers.rip();
    int state =
        ByteBuffer.wrap(vcpu.save(VcpuState.MP_STATE)).order(ByteOrder.LITTLE_ENDIAN).getInt();
    if (state == UNINITIALIZED || state == INIT_RECEIVED) {
      return true;
    }
    byte[] events = vcpu.save(VcpuState.EVENTS);
    return state == HALTED
        && (registers.rflags() & INTERRUPTS_ON) == 0
        && events[NMI_INJECTED] == 0
        && events[NMI_PENDING] == 0;
  }
}
