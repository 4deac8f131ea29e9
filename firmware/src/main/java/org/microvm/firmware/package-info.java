/**
 * Loads a guest's kernel and prepares the memory and registers for its first instruction.
 *
 * <p>{@link org.microvm.firmware.BootLoader} puts a kernel, its initial RAM disk, its command line
 * and the tables it needs into guest RAM and returns the state of the first vCPU. Nothing here
 * depends on KVM: the machine copies {@link org.microvm.firmware.InitialCpuState} into the
 * registers.
 */
package org.microvm.firmware;
