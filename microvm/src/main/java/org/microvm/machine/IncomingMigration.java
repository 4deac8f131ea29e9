package org.microvm.machine;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.microvm.devices.state.StateInput;
import org.microvm.linux.FailureText;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.machine.transfer.MigrationTransports;
import org.microvm.machine.transfer.SourceListener;
import org.microvm.transport.TransportListener;

/**
 * The destination of a live migration: waits for a guest on a unix socket or a TCP port.
 *
 * <p>A process that can connect determines what runs here. Only the owner of the unix socket can
 * connect to it. To the TCP port, any process with an accepted certificate can connect, and without
 * TLS any process.
 */
public final class IncomingMigration implements AutoCloseable {
  /** How long a source on another host may send nothing. */
  private static final Duration SILENCE = Duration.ofSeconds(30);

  /** How often devices are rehearsed while a source waits. */
  private static final int FEW = 5;

  private final SourceListener listener;
  private final MigrationAddress address;

  /**
   * The machine for the next guest; null if it is not created yet, or a guest has taken it. Guarded
   * by this.
   */
  private RestoreTarget waiting;

  /** Guarded by this. */
  private boolean closed;

  private IncomingMigration(
      TransportListener listener, MigrationAddress address, RestoreTarget waiting) {
    this.listener = new SourceListener(listener);
    this.address = address;
    this.waiting = waiting;
  }

  /**
   * Listens on a unix socket.
   *
   * @param socket path of the socket, which is created
   * @return the destination, on which a source can connect
   * @throws IOException if the path is too long, in use, or not allowed
   */
  public static IncomingMigration listen(Path socket) throws IOException {
    return listen(new MigrationAddress.Unix(socket));
  }

  /**
   * Listens on an address.
   *
   * @param address a unix socket to create, or a TCP port of this host
   * @return the destination, on which a source can connect
   * @throws IOException if it cannot listen on the address, or the credentials are not usable
   */
  public static IncomingMigration listen(MigrationAddress address) throws IOException {
    return new IncomingMigration(MigrationTransports.at(address), address, null);
  }

  /**
   * Creates the parts of a machine that need no guest, warms up migration ({@link
   * MigrationWarmup}), and then listens: a source that can connect waits for none of this.
   *
   * @param address a unix socket to create, or a TCP port of this host
   * @param config the configuration for {@link #receive}, which may be called once
   * @return the destination, on which a source can connect
   * @throws MachineException if the machine cannot be created
   * @throws IOException if it cannot listen on the address, or the credentials are not usable
   */
  public static IncomingMigration listen(MigrationAddress address, MachineConfig config)
      throws IOException, MachineException {
    RestoreTarget target = RestoreTarget.forMigration(config);
    try {
      MigrationWarmup.run(target);
      return new IncomingMigration(MigrationTransports.at(address), address, target);
    } catch (IOException | RuntimeException | Error e) {
      target.close();
      throw e;
    }
  }

  /** Uses an existing listener. */
  static IncomingMigration at(TransportListener listener) {
    return new IncomingMigration(listener, null, null);
  }

  /** {@return the address that it listens on; instead of port 0, the port that the kernel chose} */
  public MigrationAddress address() {
    return address instanceof MigrationAddress.Tcp tcp
        ? new MigrationAddress.Tcp(tcp.host(), listener.port(), tcp.tls())
        : address;
  }

  /**
   * Waits for a guest and takes it over. On return the guest runs here, and its host programs are
   * connected here. Connections that do not start a migration are refused, and the wait continues.
   * A guest that was paused stays paused until {@link Machine#resume}. Over TCP the guest also
   * stays paused if the source is lost during the handover, because it may still be running there.
   *
   * <p>Server sockets whose clients move with the guest must not be listening yet: see {@code
   * UnixServerBackend.listenAtTakeover}.
   *
   * @param config the same configuration as at the source
   * @return the machine, which has been started
   * @throws MachineException if the machine cannot be created or the migration fails, and the guest
   *     stays at the source; or if this is closed or the thread interrupted before a guest arrives
   */
  public Machine receive(MachineConfig config) throws MachineException {
    return receive(config, () -> false);
  }

  /**
   * Waits for a guest and takes it over as {@link #receive(MachineConfig)} does, with a choice
   * whether the guest runs here at once.
   *
   * @param config the same configuration as at the source
   * @param held whether the guest stays paused here until {@link Machine#resume}; called when the
   *     guest has arrived, possibly twice; the last result counts. If it throws, the guest stays at
   *     the source, or is paused here if the source has released it.
   * @return the machine, which has been started
   * @throws MachineException as {@link #receive(MachineConfig)} does
   */
  public Machine receive(MachineConfig config, BooleanSupplier held) throws MachineException {
    SourceListener.Source source;
    try {
      source = listener.await();
    } catch (IOException e) {
      String why = isClosed() ? "closed before a guest has arrived" : FailureText.of(e);
      throw new MachineException("incoming migration: " + why, e);
    }
    try (MigrationStream stream = source.stream()) {
      if (!stream.isLocal()) {
        stream.limitReads(SILENCE);
      }
      RestoreTarget target = greet(stream, source.hello(), config);
      try {
        return new GuestArrival(stream, target).takeOver(held);
      } catch (IOException | MachineException | RuntimeException | Error e) {
        target.close();
        throw e;
      }
    } catch (IOException e) {
      throw new MachineException("incoming migration: " + FailureText.of(e), e);
    }
  }

  /** Answers the source's HELLO; before it accepts, it creates the machine. */
  private RestoreTarget greet(MigrationStream stream, Frame frame, MachineConfig config)
      throws IOException, MachineException {
    try {
      StateInput hello = SourceHello.check(frame, config);
      RestoreTarget target = take();
      boolean accepted = false;
      try {
        if (target == null) {
          target = create(config);
        }
        SourceHello.checkCpu(hello, target.cpuFeatures());
        SourceHello.checkTopology(hello, config.topology());
        stream.write(Type.OK, MigrationStream.TAKES_MEMORY, new byte[0], List.of());
        accepted = true;
        return target;
      } finally {
        if (!accepted && target != null) {
          giveBack(target);
        }
      }
    } catch (IOException | MachineException | RuntimeException | Error e) {
      GuestArrival.refuse(stream, e);
      throw e;
    }
  }

  private static RestoreTarget create(MachineConfig config) throws MachineException, IOException {
    RestoreTarget target = RestoreTarget.forMigration(config);
    boolean rehearsed = false;
    try {
      if (!MigrationWarmup.hasBegun()) {
        target.rehearseDevices(FEW);
      }
      rehearsed = true;
      return target;
    } finally {
      if (!rehearsed) {
        target.close();
      }
    }
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  /** Takes the machine that waits, which {@link #close} then does not close; or returns null. */
  private synchronized RestoreTarget take() {
    RestoreTarget target = waiting;
    waiting = null;
    return target;
  }

  /** Keeps a machine for the next source, unless this has been closed meanwhile. */
  private void giveBack(RestoreTarget target) {
    synchronized (this) {
      if (!closed) {
        waiting = target;
        return;
      }
    }
    target.close();
  }

  /**
   * Stops listening, removes a unix socket's file, and closes the machine if no guest has taken it.
   * Another thread may call this to end {@link #receive}; a guest that is arriving then still
   * arrives.
   */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    listener.close();
    RestoreTarget target = take();
    if (target != null) {
      target.close();
    }
  }
}
