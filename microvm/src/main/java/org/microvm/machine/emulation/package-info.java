/**
 * Emulates instructions that KVM's own emulator lacks.
 *
 * <p>{@link org.microvm.machine.emulation.InstructionEmulator} decodes the instruction at which KVM
 * gave up and passes it to the family of instructions that it belongs to. The families access the
 * vCPU through {@link org.microvm.machine.emulation.CpuAccess} and guest memory through {@link
 * org.microvm.machine.emulation.GuestPageTables}.
 */
package org.microvm.machine.emulation;
