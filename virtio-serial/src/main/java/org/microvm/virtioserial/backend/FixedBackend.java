package org.microvm.virtioserial.backend;

/** What has one connection for as long as the port lives, and none after that has ended. */
abstract class FixedBackend implements PortBackend {
  private final HostLink link;
  private boolean handedOver;
  private boolean adopted;

  FixedBackend(HostLink link) {
    this.link = link;
  }

  @Override
  public final void start(Port port) {
    if (!adopted) {
      handedOver = true;
      port.connected(link);
    }
  }

  @Override
  public final void adopted() {
    adopted = true;
  }

  @Override
  public final void linkClosed() {}

  @Override
  public final boolean canDisconnect() {
    return false;
  }

  @Override
  public void close() {
    if (!handedOver) {
      link.close();
    }
  }
}
