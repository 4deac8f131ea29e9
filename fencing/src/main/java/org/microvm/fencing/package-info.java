/**
 * The host's side of {@code fence_virt}, the fence agent of Pacemaker clusters, in its serial mode.
 *
 * <p>{@link org.microvm.fencing.FenceService} answers the requests of guests. The channel on which
 * a request arrives says which guest asks, and the {@link org.microvm.fencing.FencePolicy} which
 * machines it may fence. {@link org.microvm.fencing.FenceMachine} is what the service needs of a
 * machine.
 *
 * <p>The source of the protocol is {@code agents/virt} of fence-agents: {@code include/xvm.h},
 * {@code client/serial.c} and {@code server/serial.c}.
 */
package org.microvm.fencing;
