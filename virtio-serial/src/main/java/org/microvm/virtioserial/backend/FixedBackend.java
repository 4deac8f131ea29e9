package org.microvm.virtioserial.backend;

/** A backend with a single connection, which starts with the port and is never replaced. */
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
      started(port);
    }
  }

  @Override
  public final void adopted() {
    adopted = true;
  }

  /** Called when the port has the connection. */
  void started(Port port) {}

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
