package org.microvm.fencing;

/**
 * A request of a guest.
 *
 * @param action the action
 * @param machine the name of the machine it is about; empty if there is none
 * @param sequence the client's number, which no answer repeats
 */
public record FenceRequest(FenceAction action, String machine, int sequence) {}
