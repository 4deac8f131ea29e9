package org.microvm.machine.config;

/**
 * A sample of the call stack of a vCPU.
 *
 * @param vcpu number of the vCPU
 * @param privilegeLevel 0 for the guest's kernel, 3 for its programs
 * @param addresses the instruction pointer, then the return addresses as far as frame pointers lead
 */
public record GuestSample(int vcpu, int privilegeLevel, long[] addresses) {}
