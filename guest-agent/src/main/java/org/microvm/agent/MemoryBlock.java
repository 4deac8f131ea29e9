package org.microvm.agent;

/**
 * A block of memory that the guest can put in and out of use as a whole.
 *
 * @param index its number by address
 * @param online whether it is in use
 * @param canOffline whether it can be taken out of use
 */
public record MemoryBlock(long index, boolean online, boolean canOffline) {}
