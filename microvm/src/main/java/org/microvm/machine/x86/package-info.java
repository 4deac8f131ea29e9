/**
 * The x86 state of a guest in KVM.
 *
 * <p>{@link org.microvm.machine.x86.GuestCpuid} builds the CPUID table, with the topology that
 * {@link org.microvm.machine.x86.CpuidTopology} writes to it. {@link
 * org.microvm.machine.x86.VcpuSetup} sets the registers at power-on, and {@link
 * org.microvm.machine.x86.KvmState} saves and restores all state. {@link
 * org.microvm.machine.x86.CpuFeatures} compares the CPUs of two hosts.
 */
package org.microvm.machine.x86;
