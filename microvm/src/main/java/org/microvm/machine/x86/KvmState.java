package org.microvm.machine.x86;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.kvm.Kvm;
import org.microvm.kvm.Msrs;
import org.microvm.kvm.SpecialRegisters;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.VcpuState;
import org.microvm.kvm.Vm;
import org.microvm.kvm.VmState;
import org.microvm.linux.ErrnoException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Saves and restores the state of a guest in KVM: one section for each vCPU, and one for interrupt
 * controllers, timers and clock.
 *
 * <p>No vCPU may run meanwhile.
 */
public final class KvmState {
  private static final Logger LOG = LoggerFactory.getLogger(KvmState.class);
  private static final String VM = "kvm.vm";
  private static final String VCPU = "kvm.vcpu.";
  private static final int VERSION = 1;

  /** Limit of a part's length, more than any processor needs. */
  private static final int MAX_BYTES = 1 << 20;

  private static final int MAX_REGISTERS = 4096;

  /** Limit of a TSC's frequency: 100 GHz. */
  private static final int MAX_KHZ = 100_000_000;

  /**
   * Limit of a saved clock, 146 years, so that adding the time that has passed does not overflow.
   */
  private static final long MAX_NANOS = Long.MAX_VALUE / 2;

  /** MSR_KVM_WALL_CLOCK_NEW and MSR_KVM_WALL_CLOCK of asm/kvm_para.h. */
  private static final int WALL_CLOCK = 0x4b564d00;

  private static final int OLD_WALL_CLOCK = 0x11;

  private static final long NANOS_PER_MILLI = 1_000_000;

  /** The guest has turned on SVM, or VMX. */
  private static final long EFER_SVME = 1 << 12;

  private static final long CR4_VMXE = 1 << 13;

  private final Kvm kvm;

  /** The model-specific registers that can be read; null before the first save. */
  private volatile int[] readable;

  /** Saves the state of guests of this KVM. */
  public KvmState(Kvm kvm) {
    this.kvm = kvm;
  }

  /**
   * Saves the VM and its vCPUs, one section each.
   *
   * @throws StateException if the guest has guests of its own, whose state KVM keeps elsewhere
   * @throws ErrnoException if a call of KVM fails
   */
  public void save(StateWriter writer, Vm vm, List<Vcpu> vcpus)
      throws StateException, ErrnoException {
    TscSync sync = new TscSync();
    for (Vcpu vcpu : vcpus) {
      refuseNested(vcpu);
      save(writer.section(VCPU + vcpu.id(), VERSION, SectionPolicy.REQUIRED), vcpu, sync);
    }
    StateOutput output = writer.section(VM, VERSION, SectionPolicy.REQUIRED);
    output.putShort(vcpus.size());
    for (VmState part : VmState.values()) {
      output.putBytes(vm.save(part));
    }
    output.putLong(vm.clock());
  }

  /**
   * Refuses a guest that uses VMX or SVM: what KVM_GET_NESTED_STATE returns is not saved, and
   * without it the guest would continue with the wrong registers. A guest of the guest has these
   * bits too.
   */
  private static void refuseNested(Vcpu vcpu) throws StateException, ErrnoException {
    SpecialRegisters special = new SpecialRegisters();
    vcpu.get(special);
    if ((special.efer() & EFER_SVME) != 0 || (special.cr4() & CR4_VMXE) != 0) {
      throw new StateException(
          "the guest runs virtual machines itself, and their state cannot be saved; end them and"
              + " unload the guest's kvm_amd or kvm_intel");
    }
  }

  private void save(StateOutput output, Vcpu vcpu, TscSync sync) throws ErrnoException {
    output.putInt(vcpu.clock().tscKhz());
    for (VcpuState part : VcpuState.values()) {
      output.putBytes(vcpu.save(part));
    }
    Msrs registers = registers(vcpu);
    output.putInt(registers.count());
    for (int i = 0; i < registers.count(); i++) {
      int index = registers.index(i);
      long value = registers.value(i);
      output
          .putInt(index)
          .putLong(index == TscSync.TSC ? sync.toSave(TscSync.of(vcpu), value) : value);
    }
  }

  /**
   * Reads the model-specific registers. KVM's list has some that cannot be read on every host; each
   * of those costs one additional call, the first time only.
   */
  private Msrs registers(Vcpu vcpu) throws ErrnoException {
    int[] known = readable;
    int[] indices = known == null ? kvm.msrIndexList() : known;
    for (; ; ) {
      Msrs registers = new Msrs(indices.length);
      for (int index : indices) {
        registers.add(index);
      }
      int read = indices.length == 0 ? 0 : vcpu.get(registers);
      if (read == indices.length) {
        readable = indices;
        return registers;
      }
      indices = without(indices, read);
    }
  }

  private static int[] without(int[] indices, int position) {
    int[] fewer = Arrays.copyOf(indices, indices.length - 1);
    System.arraycopy(indices, position + 1, fewer, position, fewer.length - position);
    return fewer;
  }

  /** Restores interrupt controllers, timers and clock; called after {@link #restoreVcpus}. */
  public static void restoreVm(StateReader reader, Vm vm, int vcpus, Duration passed)
      throws StateException, ErrnoException {
    StateInput input = reader.take(VM, VERSION);
    int saved = input.getShort();
    if (saved != vcpus) {
      throw new StateException(
          "the saved guest has %d vCPUs, this machine has %d".formatted(saved, vcpus));
    }
    for (VmState part : VmState.values()) {
      byte[] bytes = input.getBytes(part.bytes());
      if (bytes.length != part.bytes()) {
        throw input.damaged(part + " has a size that this KVM does not support");
      }
      vm.restore(part, bytes);
    }
    vm.clock(input.getLong(0, MAX_NANOS) + passed.toNanos());
    input.end();
  }

  /**
   * Restores vCPUs whose CPUID is already set.
   *
   * @param reader the sections of the vCPUs are taken from it
   * @param vcpus all vCPUs of the guest
   * @param passed how far the guest's clocks advance
   * @return registers to set right before the guest resumes: setting them makes KVM write to guest
   *     memory, which may belong to another process until then
   * @throws StateException if the state does not fit these vCPUs
   * @throws ErrnoException if KVM refuses a part of the state
   */
  public static Map<Vcpu, Msrs> restoreVcpus(StateReader reader, List<Vcpu> vcpus, Duration passed)
      throws StateException, ErrnoException {
    TscSync sync = new TscSync();
    Map<Vcpu, Msrs> last = new HashMap<>();
    for (Vcpu vcpu : vcpus) {
      last.put(vcpu, restoreVcpu(reader, vcpu, passed, sync));
    }
    return last;
  }

  private static Msrs restoreVcpu(StateReader reader, Vcpu vcpu, Duration passed, TscSync sync)
      throws StateException, ErrnoException {
    StateInput input = reader.take(VCPU + vcpu.id(), VERSION);
    Msrs last = new Msrs(2);
    int khz = input.getInt(0, MAX_KHZ);
    if (khz != vcpu.clock().tscKhz()) {
      vcpu.clock().tscKhz(khz);
    }
    for (VcpuState part : VcpuState.values()) {
      byte[] bytes = input.getBytes(MAX_BYTES);
      if (part == VcpuState.EVENTS) {
        // Events must be set after the registers: see VcpuState.
        Msrs registers = readRegisters(input, last);
        restoreTsc(vcpu, registers, ticks(passed, khz), khz, sync);
        restoreRegisters(vcpu, registers);
      }
      restore(input, vcpu, part, bytes);
    }
    input.end();
    if (!passed.isZero()) {
      tellOfPause(vcpu);
    }
    return last;
  }

  private static long ticks(Duration passed, int khz) {
    // The counter wraps around at 2^64, and so may its advance.
    return passed.toMillis() * khz + passed.toNanosPart() % NANOS_PER_MILLI * khz / NANOS_PER_MILLI;
  }

  /** Notifies the guest that its clock jumps, so that its watchdog does not report a lockup. */
  private static void tellOfPause(Vcpu vcpu) {
    try {
      vcpu.clock().notifyPaused();
    } catch (ErrnoException e) {
      LOG.debug("the guest has no kvmclock: {}", e.getMessage());
    }
  }

  private static void restore(StateInput input, Vcpu vcpu, VcpuState part, byte[] bytes)
      throws StateException, ErrnoException {
    try {
      vcpu.restore(part, bytes);
    } catch (IllegalArgumentException e) {
      throw input.damaged(e.getMessage());
    }
  }

  /** Whether setting this register makes KVM write the time to guest memory. */
  private static boolean isWallClock(int index) {
    return index == WALL_CLOCK || index == OLD_WALL_CLOCK;
  }

  /** Reads the registers; those to set right before the guest resumes go to another list. */
  private static Msrs readRegisters(StateInput input, Msrs last) throws StateException {
    int count = input.getInt(0, MAX_REGISTERS);
    Msrs all = new Msrs(count);
    for (int i = 0; i < count; i++) {
      int index = input.getInt();
      long value = input.getLong();
      if (!isWallClock(index)) {
        all.add(index, value);
      } else if (last.count() < 2) {
        last.add(index, value);
      }
    }
    return all;
  }

  /** Sets the TSC before the other registers: its deadline timer is armed relative to it. */
  private static void restoreTsc(Vcpu vcpu, Msrs registers, long ticks, int khz, TscSync sync)
      throws StateException, ErrnoException {
    for (int i = 0; i < registers.count(); i++) {
      if (registers.index(i) == TscSync.TSC) {
        long value = registers.value(i) + ticks;
        if (!sync.restore(TscSync.of(vcpu), value, khz)) {
          refused(vcpu, TscSync.TSC, value);
        }
        return;
      }
    }
  }

  private static void restoreRegisters(Vcpu vcpu, Msrs saved)
      throws StateException, ErrnoException {
    Msrs all = new Msrs(saved.count());
    for (int i = 0; i < saved.count(); i++) {
      if (saved.index(i) != TscSync.TSC) {
        all.add(saved.index(i), saved.value(i));
      }
    }
    for (int done = 0; done < all.count(); done++) {
      done += set(vcpu, all, done);
      if (done < all.count()) {
        refused(vcpu, all.index(done), all.value(done));
      }
    }
  }

  /** Sets the registers from a position on; returns how many were set. */
  private static int set(Vcpu vcpu, Msrs all, int from) throws ErrnoException {
    Msrs rest = new Msrs(all.count() - from);
    for (int i = from; i < all.count(); i++) {
      rest.add(all.index(i), all.value(i));
    }
    return vcpu.set(rest);
  }

  /** Ignores a register that cannot be set if it has the value already, or the value was 0. */
  private static void refused(Vcpu vcpu, int index, long value)
      throws StateException, ErrnoException {
    Msrs one = new Msrs(1).add(index);
    if (vcpu.get(one) == 1 && one.value(0) == value) {
      return;
    }
    if (value != 0) {
      throw new StateException(
          "KVM refuses 0x%x for the guest's model-specific register 0x%x: saved on another CPU?"
              .formatted(value, index));
    }
    LOG.debug(
        "model-specific register 0x{} cannot be set; ignored, its value was 0",
        Integer.toHexString(index));
  }
}
