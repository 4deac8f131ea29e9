package org.microvm.kvm;

import java.lang.foreign.MemoryLayout;
import org.microvm.bindings.Linux;
import org.microvm.bindings.kvm_clock_data;
import org.microvm.bindings.kvm_cpuid2;
import org.microvm.bindings.kvm_dirty_log;
import org.microvm.bindings.kvm_enable_cap;
import org.microvm.bindings.kvm_ioeventfd;
import org.microvm.bindings.kvm_irq_level;
import org.microvm.bindings.kvm_irqfd;
import org.microvm.bindings.kvm_mp_state;
import org.microvm.bindings.kvm_msr_list;
import org.microvm.bindings.kvm_msrs;
import org.microvm.bindings.kvm_pit_config;
import org.microvm.bindings.kvm_regs;
import org.microvm.bindings.kvm_signal_mask;
import org.microvm.bindings.kvm_sregs;
import org.microvm.bindings.kvm_userspace_memory_region;

/**
 * The numbers of KVM's ioctls, each with the capability that provides it where there is one
 * (Documentation/virt/kvm/api.rst; include/uapi/linux/kvm.h).
 *
 * <p>A number is made of direction, size of the struct, type and a serial number. Methods rather
 * than constants: loading a struct's class costs up to a millisecond, and this way a process loads
 * only those that it uses. A test finds all of them by name and compares them with the values that
 * gcc computes.
 */
final class Ioctls {
  private static final int WRITE = 1;
  private static final int READ = 2;

  /** Sizes of the structs that are only ever copied as a whole. */
  static final int IRQCHIP_BYTES = 520;

  static final int PIT_BYTES = 112;
  static final int FPU_BYTES = 416;
  static final int LAPIC_BYTES = 1024;
  static final int EVENTS_BYTES = 64;
  static final int DEBUGREGS_BYTES = 128;
  static final int XSAVE_BYTES = 4096;
  static final int XCRS_BYTES = 392;
  static final int DEVICE_ATTRIBUTE_BYTES = 24;
  static final int GUEST_DEBUG_BYTES = 72;

  private Ioctls() {}

  private static long number(int direction, int serial, long size) {
    return (long) direction << 30 | size << 16 | (long) Linux.KVMIO() << 8 | serial;
  }

  private static long plain(int serial) {
    return number(0, serial, 0);
  }

  private static long write(int serial, MemoryLayout struct) {
    return number(WRITE, serial, struct.byteSize());
  }

  private static long read(int serial, MemoryLayout struct) {
    return number(READ, serial, struct.byteSize());
  }

  private static long readWrite(int serial, MemoryLayout struct) {
    return number(READ | WRITE, serial, struct.byteSize());
  }

  // On /dev/kvm.

  static long KVM_GET_API_VERSION() {
    return plain(0x00);
  }

  static long KVM_CREATE_VM() {
    return plain(0x01);
  }

  static long KVM_GET_MSR_INDEX_LIST() {
    return readWrite(0x02, kvm_msr_list.layout());
  }

  /** On a VM too: CHECK_EXTENSION_VM. */
  static long KVM_CHECK_EXTENSION() {
    return plain(0x03);
  }

  static long KVM_GET_VCPU_MMAP_SIZE() {
    return plain(0x04);
  }

  /** EXT_CPUID. */
  static long KVM_GET_SUPPORTED_CPUID() {
    return readWrite(0x05, kvm_cpuid2.layout());
  }

  // On a VM.

  static long KVM_CREATE_VCPU() {
    return plain(0x41);
  }

  static long KVM_GET_DIRTY_LOG() {
    return write(0x42, kvm_dirty_log.layout());
  }

  /** USER_MEMORY. */
  static long KVM_SET_USER_MEMORY_REGION() {
    return write(0x46, kvm_userspace_memory_region.layout());
  }

  /** SET_TSS_ADDR. */
  static long KVM_SET_TSS_ADDR() {
    return plain(0x47);
  }

  /** SET_IDENTITY_MAP_ADDR; the struct is a plain u64. */
  static long KVM_SET_IDENTITY_MAP_ADDR() {
    return number(WRITE, 0x48, Long.BYTES);
  }

  /** IRQCHIP. */
  static long KVM_CREATE_IRQCHIP() {
    return plain(0x60);
  }

  /** IRQCHIP. */
  static long KVM_IRQ_LINE() {
    return write(0x61, kvm_irq_level.layout());
  }

  /** IRQCHIP. */
  static long KVM_GET_IRQCHIP() {
    return number(READ | WRITE, 0x62, IRQCHIP_BYTES);
  }

  /** IRQCHIP; numbered as a read, an old mistake in the kernel. */
  static long KVM_SET_IRQCHIP() {
    return number(READ, 0x63, IRQCHIP_BYTES);
  }

  /** IRQFD. */
  static long KVM_IRQFD() {
    return write(0x76, kvm_irqfd.layout());
  }

  /** PIT2. */
  static long KVM_CREATE_PIT2() {
    return write(0x77, kvm_pit_config.layout());
  }

  /** IOEVENTFD. */
  static long KVM_IOEVENTFD() {
    return write(0x79, kvm_ioeventfd.layout());
  }

  /** ADJUST_CLOCK. */
  static long KVM_SET_CLOCK() {
    return write(0x7b, kvm_clock_data.layout());
  }

  /** ADJUST_CLOCK. */
  static long KVM_GET_CLOCK() {
    return read(0x7c, kvm_clock_data.layout());
  }

  /** PIT_STATE2. */
  static long KVM_GET_PIT2() {
    return number(READ, 0x9f, PIT_BYTES);
  }

  /** PIT_STATE2. */
  static long KVM_SET_PIT2() {
    return number(WRITE, 0xa0, PIT_BYTES);
  }

  /** ENABLE_CAP_VM; on a vCPU ENABLE_CAP. */
  static long KVM_ENABLE_CAP() {
    return write(0xa3, kvm_enable_cap.layout());
  }

  /** BINARY_STATS_FD; on a VM and on a vCPU. */
  static long KVM_GET_STATS_FD() {
    return plain(0xce);
  }

  // On a vCPU.

  static long KVM_RUN() {
    return plain(0x80);
  }

  static long KVM_GET_REGS() {
    return read(0x81, kvm_regs.layout());
  }

  static long KVM_SET_REGS() {
    return write(0x82, kvm_regs.layout());
  }

  static long KVM_GET_SREGS() {
    return read(0x83, kvm_sregs.layout());
  }

  static long KVM_SET_SREGS() {
    return write(0x84, kvm_sregs.layout());
  }

  static long KVM_GET_MSRS() {
    return readWrite(0x88, kvm_msrs.layout());
  }

  static long KVM_SET_MSRS() {
    return write(0x89, kvm_msrs.layout());
  }

  static long KVM_SET_SIGNAL_MASK() {
    return write(0x8b, kvm_signal_mask.layout());
  }

  static long KVM_GET_FPU() {
    return number(READ, 0x8c, FPU_BYTES);
  }

  static long KVM_SET_FPU() {
    return number(WRITE, 0x8d, FPU_BYTES);
  }

  /** IRQCHIP. */
  static long KVM_GET_LAPIC() {
    return number(READ, 0x8e, LAPIC_BYTES);
  }

  /** IRQCHIP. */
  static long KVM_SET_LAPIC() {
    return number(WRITE, 0x8f, LAPIC_BYTES);
  }

  /** EXT_CPUID. */
  static long KVM_SET_CPUID2() {
    return write(0x90, kvm_cpuid2.layout());
  }

  /** EXT_CPUID. */
  static long KVM_GET_CPUID2() {
    return readWrite(0x91, kvm_cpuid2.layout());
  }

  /** MP_STATE. */
  static long KVM_GET_MP_STATE() {
    return read(0x98, kvm_mp_state.layout());
  }

  /** MP_STATE. */
  static long KVM_SET_MP_STATE() {
    return write(0x99, kvm_mp_state.layout());
  }

  static long KVM_SET_GUEST_DEBUG() {
    return number(WRITE, 0x9b, GUEST_DEBUG_BYTES);
  }

  static long KVM_NMI() {
    return plain(0x9a);
  }

  /** VCPU_EVENTS. */
  static long KVM_GET_VCPU_EVENTS() {
    return number(READ, 0x9f, EVENTS_BYTES);
  }

  /** VCPU_EVENTS. */
  static long KVM_SET_VCPU_EVENTS() {
    return number(WRITE, 0xa0, EVENTS_BYTES);
  }

  /** DEBUGREGS. */
  static long KVM_GET_DEBUGREGS() {
    return number(READ, 0xa1, DEBUGREGS_BYTES);
  }

  /** DEBUGREGS. */
  static long KVM_SET_DEBUGREGS() {
    return number(WRITE, 0xa2, DEBUGREGS_BYTES);
  }

  /** TSC_CONTROL. */
  static long KVM_SET_TSC_KHZ() {
    return plain(0xa2);
  }

  /** GET_TSC_KHZ. */
  static long KVM_GET_TSC_KHZ() {
    return plain(0xa3);
  }

  /** XSAVE. */
  static long KVM_GET_XSAVE() {
    return number(READ, 0xa4, XSAVE_BYTES);
  }

  /** XSAVE; takes as many bytes as XSAVE2 reports. */
  static long KVM_SET_XSAVE() {
    return number(WRITE, 0xa5, XSAVE_BYTES);
  }

  /** XCRS. */
  static long KVM_GET_XCRS() {
    return number(READ, 0xa6, XCRS_BYTES);
  }

  /** XCRS. */
  static long KVM_SET_XCRS() {
    return number(WRITE, 0xa7, XCRS_BYTES);
  }

  /** KVMCLOCK_CTRL. */
  static long KVM_KVMCLOCK_CTRL() {
    return plain(0xad);
  }

  /** XSAVE2; returns as many bytes as the capability reports. */
  static long KVM_GET_XSAVE2() {
    return number(READ, 0xcf, XSAVE_BYTES);
  }

  /** VCPU_ATTRIBUTES. */
  static long KVM_SET_DEVICE_ATTR() {
    return number(WRITE, 0xe1, DEVICE_ATTRIBUTE_BYTES);
  }

  /** VCPU_ATTRIBUTES. */
  static long KVM_GET_DEVICE_ATTR() {
    return number(WRITE, 0xe2, DEVICE_ATTRIBUTE_BYTES);
  }
}
