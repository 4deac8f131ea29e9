/**
 * The host's side of {@code fence_virt}, the fence agent of Pacemaker clusters, in its serial mode.
 *
 * <p>{@link org.microvm.fencing.FenceService} answers the requests of guests. The channel on which
 * a request arrives identifies the guest, and the {@link org.microvm.fencing.FencePolicy} decides
 * which machines it may fence. {@link org.microvm.fencing.FenceMachine} is the service's view of a
 * machine.
 *
 * <p>The source of the protocol is {@code agents/virt} of fence-agents: {@code include/xvm.h},
 * {@code client/serial.c} and {@code server/serial.c}.
 */
package org.microvm.fencing;
