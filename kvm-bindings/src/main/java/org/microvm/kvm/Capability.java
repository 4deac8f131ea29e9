package org.microvm.kvm;

import org.microvm.bindings.Linux;

/** The KVM capabilities ({@code KVM_CHECK_EXTENSION}) that this project uses. */
public enum Capability {
  /** In-kernel interrupt controllers. */
  IRQCHIP(Linux.KVM_CAP_IRQCHIP()),
  /** Guest memory can be backed by memory of this process. */
  USER_MEMORY(Linux.KVM_CAP_USER_MEMORY()),
  /** The address of the task state segment that KVM needs on older Intel processors can be set. */
  SET_TSS_ADDR(Linux.KVM_CAP_SET_TSS_ADDR()),
  /** The CPUID leaves that KVM supports can be queried. */
  EXT_CPUID(Linux.KVM_CAP_EXT_CPUID()),
  /** The recommended maximum number of vCPUs in a VM. */
  NR_VCPUS(Linux.KVM_CAP_NR_VCPUS()),
  /** The maximum number of memory slots in a VM. */
  NR_MEMSLOTS(Linux.KVM_CAP_NR_MEMSLOTS()),
  /** Whether a vCPU is runnable, halted or waiting to be started can be read and set. */
  MP_STATE(Linux.KVM_CAP_MP_STATE()),
  /** An eventfd can raise an interrupt. */
  IRQFD(Linux.KVM_CAP_IRQFD()),
  /** In-kernel interval timer. */
  PIT2(Linux.KVM_CAP_PIT2()),
  /** The interval timer's state can be read and set. */
  PIT_STATE2(Linux.KVM_CAP_PIT_STATE2()),
  /** A guest write can signal an eventfd. */
  IOEVENTFD(Linux.KVM_CAP_IOEVENTFD()),
  /** The address of the identity map that KVM needs on older Intel processors can be set. */
  SET_IDENTITY_MAP_ADDR(Linux.KVM_CAP_SET_IDENTITY_MAP_ADDR()),
  /** The guest's clock can be read and set. */
  ADJUST_CLOCK(Linux.KVM_CAP_ADJUST_CLOCK()),
  /** Pending exceptions and interrupts can be read and set. */
  VCPU_EVENTS(Linux.KVM_CAP_VCPU_EVENTS()),
  /** Debug registers can be read and set. */
  DEBUGREGS(Linux.KVM_CAP_DEBUGREGS()),
  /** Capabilities of a vCPU can be enabled. */
  ENABLE_CAP(Linux.KVM_CAP_ENABLE_CAP()),
  /** Extended processor state can be read and set. */
  XSAVE(Linux.KVM_CAP_XSAVE()),
  /** Extended control registers can be read and set. */
  XCRS(Linux.KVM_CAP_XCRS()),
  /** The frequency of the guest's time stamp counter can be set. */
  TSC_CONTROL(Linux.KVM_CAP_TSC_CONTROL()),
  /** The frequency of the time stamp counter can be read. */
  GET_TSC_KHZ(Linux.KVM_CAP_GET_TSC_KHZ()),
  /** The maximum number of vCPUs in a VM. */
  MAX_VCPUS(Linux.KVM_CAP_MAX_VCPUS()),
  /** The local APIC timer has TSC deadline mode. */
  TSC_DEADLINE_TIMER(Linux.KVM_CAP_TSC_DEADLINE_TIMER()),
  /** The guest can be notified that it was paused. */
  KVMCLOCK_CTRL(Linux.KVM_CAP_KVMCLOCK_CTRL()),
  /** A memory slot can be read-only: guest writes to it exit. */
  READONLY_MEM(Linux.KVM_CAP_READONLY_MEM()),
  /** The end of an interrupt can signal an eventfd. */
  IRQFD_RESAMPLE(Linux.KVM_CAP_IRQFD_RESAMPLE()),
  /** Capabilities of a VM can be enabled. */
  ENABLE_CAP_VM(Linux.KVM_CAP_ENABLE_CAP_VM()),
  /** Capabilities can be queried for a VM; they may differ from the host's. */
  CHECK_EXTENSION_VM(Linux.KVM_CAP_CHECK_EXTENSION_VM()),
  /** An ioeventfd can match writes of any size. */
  IOEVENTFD_ANY_LENGTH(Linux.KVM_CAP_IOEVENTFD_ANY_LENGTH()),
  /** {@code KVM_RUN} can be made to return before it enters the guest. */
  IMMEDIATE_EXIT(Linux.KVM_CAP_IMMEDIATE_EXIT()),
  /** The exits for HLT, MWAIT and similar instructions can be disabled. */
  X86_DISABLE_EXITS(Linux.KVM_CAP_X86_DISABLE_EXITS()),
  /** Statistics can be read through a file descriptor. */
  BINARY_STATS_FD(Linux.KVM_CAP_BINARY_STATS_FD()),
  /** An instruction that KVM cannot emulate exits with its bytes. */
  EXIT_ON_EMULATION_FAILURE(Linux.KVM_CAP_EXIT_ON_EMULATION_FAILURE()),
  /** The size of the extended processor state in bytes. */
  XSAVE2(Linux.KVM_CAP_XSAVE2());

  private final int number;

  Capability(int number) {
    this.number = number;
  }

  /** {@return the kernel's number of this capability, {@code KVM_CAP_…}} */
  public int number() {
    return number;
  }
}
