package org.microvm.agent;

/**
 * A block of memory, which the guest can take in or out of use as a whole.
 *
 * @param index its number, in the order of addresses
 * @param online whether it is in use
 * @param canOffline whether it can be taken out of use
 */
public record MemoryBlock(long index, boolean online, boolean canOffline) {}
