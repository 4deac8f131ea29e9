package org.microvm.virtioserial.backend;

/** A backend with a single connection, which starts with the port and is never replaced. */
abstract class FixedBackend implements PortBackend {
  private final HostConnection connection;
  private boolean handedOver;
  private boolean adopted;

  FixedBackend(HostConnection connection) {
    this.connection = connection;
  }

  @Override
  public final void start(Port port) {
    if (!adopted) {
      handedOver = true;
      port.connected(connection);
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
  public final void connectionClosed() {}

  @Override
  public final boolean canDisconnect() {
    return false;
  }

  @Override
  public final boolean canMove() {
    return false;
  }

  @Override
  public void close() {
    if (!handedOver) {
      connection.close();
    }
  }
}
