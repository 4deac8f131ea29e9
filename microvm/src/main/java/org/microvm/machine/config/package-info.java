/**
 * The configuration of a machine, and the values that a machine reports.
 *
 * <p>{@link org.microvm.machine.config.MachineConfig} has {@link
 * org.microvm.machine.config.DiskConfig}s and {@link org.microvm.machine.config.ChannelConfig}s;
 * {@link org.microvm.machine.config.GuestImages} finds a kernel and a root file system. {@link
 * org.microvm.machine.config.MachineEnd} says how a guest ended, {@link
 * org.microvm.machine.config.MachineStatistics} has the counters, and {@link
 * org.microvm.machine.config.MachineException} reports a failure.
 */
package org.microvm.machine.config;
