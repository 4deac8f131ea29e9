package org.microvm.kvm;

import org.microvm.bindings.Linux;

/** What a host's KVM may or may not be able to do; only what this project asks about. */
public enum Capability {
  /** In-kernel interrupt controllers. */
  IRQCHIP(Linux.KVM_CAP_IRQCHIP()),
  /** Guest memory that is this process's memory. */
  USER_MEMORY(Linux.KVM_CAP_USER_MEMORY()),
  /** The address of the task state segment that older Intel processors need can be chosen. */
  SET_TSS_ADDR(Linux.KVM_CAP_SET_TSS_ADDR()),
  /** The processor features that KVM can show a guest. */
  EXT_CPUID(Linux.KVM_CAP_EXT_CPUID()),
  /** How many vCPUs a VM should have at most. */
  NR_VCPUS(Linux.KVM_CAP_NR_VCPUS()),
  /** How many memory slots a VM can have. */
  NR_MEMSLOTS(Linux.KVM_CAP_NR_MEMSLOTS()),
  /** Whether a vCPU runs, halts or waits can be read and set. */
  MP_STATE(Linux.KVM_CAP_MP_STATE()),
  /** Interrupts raised by an eventfd. */
  IRQFD(Linux.KVM_CAP_IRQFD()),
  /** In-kernel interval timer. */
  PIT2(Linux.KVM_CAP_PIT2()),
  /** The interval timer's state can be read and set. */
  PIT_STATE2(Linux.KVM_CAP_PIT_STATE2()),
  /** Writes that signal an eventfd. */
  IOEVENTFD(Linux.KVM_CAP_IOEVENTFD()),
  /** The address of the identity map that older Intel processors need can be chosen. */
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
  /** The guest's time stamp counter can have a frequency of its own. */
  TSC_CONTROL(Linux.KVM_CAP_TSC_CONTROL()),
  /** The frequency of the time stamp counter can be read. */
  GET_TSC_KHZ(Linux.KVM_CAP_GET_TSC_KHZ()),
  /** How many vCPUs a VM can have. */
  MAX_VCPUS(Linux.KVM_CAP_MAX_VCPUS()),
  /** The local APIC timer can count to a time stamp. */
  TSC_DEADLINE_TIMER(Linux.KVM_CAP_TSC_DEADLINE_TIMER()),
  /** The guest can be told that it was stopped. */
  KVMCLOCK_CTRL(Linux.KVM_CAP_KVMCLOCK_CTRL()),
  /** Memory slots whose writes exit. */
  READONLY_MEM(Linux.KVM_CAP_READONLY_MEM()),
  /** An interrupt's end signals an eventfd. */
  IRQFD_RESAMPLE(Linux.KVM_CAP_IRQFD_RESAMPLE()),
  /** Capabilities of a VM can be enabled. */
  ENABLE_CAP_VM(Linux.KVM_CAP_ENABLE_CAP_VM()),
  /** A VM can be asked for its capabilities, which may differ from the host's. */
  CHECK_EXTENSION_VM(Linux.KVM_CAP_CHECK_EXTENSION_VM()),
  /** An eventfd can stand for writes of any size. */
  IOEVENTFD_ANY_LENGTH(Linux.KVM_CAP_IOEVENTFD_ANY_LENGTH()),
  /** A vCPU can be told to exit before it enters. */
  IMMEDIATE_EXIT(Linux.KVM_CAP_IMMEDIATE_EXIT()),
  /** HLT, MWAIT and the like can be left to the guest. */
  X86_DISABLE_EXITS(Linux.KVM_CAP_X86_DISABLE_EXITS()),
  /** Statistics through a descriptor. */
  BINARY_STATS_FD(Linux.KVM_CAP_BINARY_STATS_FD()),
  /** An instruction that cannot be emulated exits with its bytes. */
  EXIT_ON_EMULATION_FAILURE(Linux.KVM_CAP_EXIT_ON_EMULATION_FAILURE()),
  /** Bytes of extended processor state. */
  XSAVE2(Linux.KVM_CAP_XSAVE2());

  private final int number;

  Capability(int number) {
    this.number = number;
  }

  /** The kernel's number for it. */
  public int number() {
    return number;
  }
}
