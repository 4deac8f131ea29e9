/**
 * Virtual machines of KVM: one class for each kind of KVM descriptor.
 *
 * <p>{@link org.microvm.kvm.Kvm} creates a {@link org.microvm.kvm.Vm}, which creates {@link
 * org.microvm.kvm.Vcpu}s, memory slots, event and interrupt descriptors. The code that creates an
 * object closes it. A parent outlives its children, and a vCPU is closed after its thread has left
 * {@link org.microvm.kvm.Vcpu#run}. Running a vCPU and reading its exits allocates nothing.
 */
package org.microvm.kvm;
