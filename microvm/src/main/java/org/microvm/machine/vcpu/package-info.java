/**
 * The threads of vCPUs, and what they do with an exit.
 *
 * <p>A {@link org.microvm.machine.vcpu.VcpuThread} calls KVM_RUN and passes each exit to its {@link
 * org.microvm.machine.vcpu.ExitHandler}. It waits at the {@link org.microvm.machine.vcpu.PauseGate}
 * while the machine is paused. {@link org.microvm.machine.emulation.InstructionEmulator} emulates
 * instructions that KVM's emulator lacks, {@link org.microvm.machine.vcpu.FailureReport} describes
 * a guest that cannot continue, {@link org.microvm.machine.vcpu.ExitStatistics} counts, and {@link
 * org.microvm.machine.vcpu.GuestSampler} takes samples of the call stack.
 */
package org.microvm.machine.vcpu;
