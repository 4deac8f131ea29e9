/**
 * What the guest finds at its first instruction.
 *
 * <p>{@link org.microvm.firmware.BootLoader} puts a kernel, its initial RAM disk, its command line
 * and the tables it looks for into guest RAM and answers with the state of the first vCPU. Nothing
 * here knows KVM: the machine copies {@link org.microvm.firmware.InitialCpuState} into the
 * registers.
 */
package org.microvm.firmware;
