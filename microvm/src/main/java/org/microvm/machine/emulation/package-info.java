/**
 * Emulates instructions that KVM's own emulator lacks.
 *
 * <p>{@link org.microvm.machine.emulation.InstructionEmulator} decodes the instruction that KVM
 * could not emulate and passes it to the family of instructions that it belongs to. The families
 * access the vCPU through {@link org.microvm.machine.emulation.CpuAccess} and guest memory through
 * {@link org.microvm.machine.emulation.GuestPageTables}.
 */
package org.microvm.machine.emulation;
