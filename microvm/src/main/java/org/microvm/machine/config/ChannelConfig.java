package org.microvm.machine.config;

import java.io.IOException;
import java.util.Objects;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * The configuration of a channel: a port for the guest and its host end.
 *
 * @param port the port that the guest sees, with its options
 * @param hostEnd creates the host end when the machine is created
 */
public record ChannelConfig(PortConfig port, HostEnd hostEnd) {
  /** Rejects null. */
  public ChannelConfig {
    Objects.requireNonNull(port, "port");
    Objects.requireNonNull(hostEnd, "hostEnd");
  }

  /** Creates the host end of a channel. */
  @FunctionalInterface
  public interface HostEnd {
    /**
     * Creates the host end; a server listens when this returns.
     *
     * @param loop the machine's event loop
     * @return the host end, which the machine closes; not null
     * @throws IOException if it cannot be created; the message says why and what to try
     */
    PortBackend open(EventLoop loop) throws IOException;
  }
}
