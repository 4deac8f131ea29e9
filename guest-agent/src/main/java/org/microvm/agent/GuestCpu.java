package org.microvm.agent;

/**
 * A CPU as the guest sees it.
 *
 * @param logicalId the guest's number for it
 * @param online whether it is in use
 * @param canOffline whether it can be taken out of use
 */
public record GuestCpu(int logicalId, boolean online, boolean canOffline) {}
