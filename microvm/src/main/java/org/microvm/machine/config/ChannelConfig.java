package org.microvm.machine.config;

import java.io.IOException;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * A channel: a port for the guest and its host end.
 *
 * @param port what the guest sees, and what the port promises
 * @param hostEnd makes the host end when the machine is made
 */
public record ChannelConfig(PortConfig port, HostEnd hostEnd) {
  /** Makes the host end of a channel. */
  @FunctionalInterface
  public interface HostEnd {
    /**
     * Makes it: a server listens from then on.
     *
     * @param loop the machine's, for host ends that need one
     * @throws IOException if it cannot be made; the message says why and what to try
     */
    PortBackend open(EventLoop loop) throws IOException;
  }
}
