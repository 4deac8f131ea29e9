/**
 * The kernel's virtual machines: one class for each kind of descriptor that KVM has.
 *
 * <p>{@link org.microvm.kvm.Kvm} makes a {@link org.microvm.kvm.Vm}, which makes {@link
 * org.microvm.kvm.Vcpu}s, memory slots, event and interrupt descriptors. Everything made is closed
 * by whoever asked for it, once; a parent outlives its children, and a vCPU is closed after its
 * thread has left {@link org.microvm.kvm.Vcpu#run}. Running a vCPU and looking at its exits
 * allocates nothing.
 */
package org.microvm.kvm;
