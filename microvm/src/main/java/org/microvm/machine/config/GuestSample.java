package org.microvm.machine.config;

/**
 * Where a vCPU was at one moment.
 *
 * @param vcpu its number
 * @param privilegeLevel 0 for the guest's kernel, 3 for its programs
 * @param addresses the instruction pointer, then the return addresses as far as frame pointers lead
 */
public record GuestSample(int vcpu, int privilegeLevel, long[] addresses) {}
