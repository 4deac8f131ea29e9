package org.microvm.machine;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.linux.FailureText;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.machine.transfer.MigrationTransports;
import org.microvm.machine.transfer.SourceListener;
import org.microvm.memory.MemoryRegion;
import org.microvm.transport.TransportListener;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.backend.HostConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The destination of a live migration: waits for a guest on a unix socket or a TCP port.
 *
 * <p>Whoever can connect decides what runs here. Only its owner can connect to the unix socket.
 * Anyone with a certificate can connect to the TCP port, and without TLS anyone at all.
 */
public final class IncomingMigration implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(IncomingMigration.class);

  /** How long a source on another host may send nothing. */
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private final SourceListener listener;
  private final MigrationAddress address;

  /** The machine for the next guest; null if it is not created yet, or a guest has taken it. */
  private RestoreTarget waiting;

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
    MigrationWarmup.run();
    RestoreTarget target = prepare(config);
    try {
      return new IncomingMigration(MigrationTransports.at(address), address, target);
    } catch (IOException | RuntimeException e) {
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
   * connected here. Connections that do not start a migration are refused, and the wait goes on. A
   * guest that was paused stays paused until {@link Machine#resume}. Over TCP the guest also stays
   * paused if the source is lost during the handover, because it may still be running there.
   *
   * <p>Server sockets whose clients move with the guest must not be listening yet: see {@code
   * UnixServerBackend.listenAtTakeover}.
   *
   * @param config the same configuration as at the source
   * @return the machine, which has been started
   * @throws MachineException if the machine cannot be created or the migration fails; the guest
   *     then stays at the source
   */
  public Machine receive(MachineConfig config) throws MachineException {
    return receive(config, () -> false);
  }

  /**
   * Waits for a guest and takes it over as {@link #receive(MachineConfig)} does, with a choice
   * whether the guest runs here at once.
   *
   * @param config the same configuration as at the source
   * @param held whether the guest stays paused here until {@link Machine#resume}; asked when it has
   *     arrived
   * @return the machine, which has been started
   * @throws MachineException as {@link #receive(MachineConfig)} does
   */
  public Machine receive(MachineConfig config, BooleanSupplier held) throws MachineException {
    SourceListener.Source source;
    try {
      source = listener.await();
    } catch (IOException e) {
      throw new MachineException("incoming migration: " + FailureText.of(e), e);
    }
    try (MigrationStream stream = source.stream()) {
      if (!stream.isLocal()) {
        stream.limitReads(SILENCE);
      }
      RestoreTarget target = greet(stream, source.hello(), config);
      try {
        return takeOver(stream, target, held);
      } catch (IOException | MachineException | RuntimeException e) {
        target.close();
        throw e;
      }
    } catch (IOException e) {
      throw new MachineException("incoming migration: " + FailureText.of(e), e);
    }
  }

  /** Creates everything that needs no state of the guest. */
  private static RestoreTarget prepare(MachineConfig config) throws IOException, MachineException {
    RestoreTarget target = RestoreTarget.forMigration(config);
    try {
      if (!MigrationWarmup.hasBegun()) {
        target.warmUp();
      }
      return target;
    } catch (IOException | MachineException | RuntimeException e) {
      target.close();
      throw e;
    }
  }

  /** Answers the source's HELLO; before it accepts, it creates the machine. */
  private RestoreTarget greet(MigrationStream stream, Frame frame, MachineConfig config)
      throws IOException, MachineException {
    try {
      StateInput hello = SourceHello.check(frame, config);
      RestoreTarget target = waiting == null ? prepare(config) : waiting;
      waiting = target;
      SourceHello.checkCpu(hello, target.cpuFeatures());
      SourceHello.checkTopology(hello, config.topology());
      stream.write(Type.OK, MigrationStream.TAKES_MEMORY, new byte[0], List.of());
      waiting = null;
      return target;
    } catch (IOException | MachineException | RuntimeException e) {
      refuse(stream, e);
      throw e;
    }
  }

  /** Tells the source why the guest cannot come here, if the source still listens. */
  private static void refuse(MigrationStream stream, Exception why) {
    try {
      stream.write(Type.FAILED, String.valueOf(why.getMessage()));
    } catch (IOException e) {
      LOG.debug("the source is gone: {}", e.getMessage());
    }
  }

  private static Machine takeOver(
      MigrationStream stream, RestoreTarget target, BooleanSupplier held)
      throws IOException, MachineException {
    boolean paused;
    try {
      paused = load(stream, target);
      target.standBy();
      stream.write(Type.READY);
    } catch (IOException | MachineException | RuntimeException e) {
      refuse(stream, e);
      throw e;
    }
    SourceVerdict verdict = awaitVerdict(stream, target);
    return switch (verdict) {
      case GO -> {
        takeDisks(stream, target);
        tellRunning(stream);
        yield target.activate(paused || held.getAsBoolean());
      }
      // The source has died, and no other process has the guest.
      case LOCAL_EOF -> {
        target.takeDisks();
        yield target.activate(paused || held.getAsBoolean());
      }
      case REMOTE_EOF -> {
        LOG.warn(
            "the source was lost during the handover and may still run the guest, so it is paused"
                + " here. Check the source before you run `cont`.");
        yield target.keep();
      }
    };
  }

  /** What the source sent after READY: GO, or nothing before the stream ended. */
  private enum SourceVerdict {
    GO,
    LOCAL_EOF,
    REMOTE_EOF
  }

  /**
   * Reads the bytes that host programs had sent to the source, then the source's decision.
   *
   * @throws IOException if the source keeps the guest
   */
  private static SourceVerdict awaitVerdict(MigrationStream stream, RestoreTarget target)
      throws IOException, MachineException {
    Frame frame;
    try {
      frame = stream.read();
      for (long rest = 0; frame != null && frame.type() == Type.REST; frame = stream.read()) {
        rest += frame.payload().length;
        if (rest > MigrationStream.MOST_REST) {
          throw new MachineException(
              "the source sent more than %d bytes of input".formatted(MigrationStream.MOST_REST));
        }
        target.injectInput(port(frame), frame.payload());
      }
    } catch (IOException e) {
      if (stream.isLocal()) {
        throw e;
      }
      LOG.debug("{}", e.getMessage());
      frame = null;
    }
    if (frame == null) {
      return stream.isLocal() ? SourceVerdict.LOCAL_EOF : SourceVerdict.REMOTE_EOF;
    }
    if (frame.type() != Type.GO) {
      frame.close();
      throw new IOException("the source keeps the guest: " + frame.text());
    }
    return SourceVerdict.GO;
  }

  private static void takeDisks(MigrationStream stream, RestoreTarget target) throws IOException {
    try {
      target.takeDisks();
    } catch (IOException e) {
      refuse(stream, e);
      throw e;
    }
  }

  private static void tellRunning(MigrationStream stream) {
    try {
      stream.write(Type.RUNNING);
    } catch (IOException e) {
      // The source has just died; the guest runs here all the same.
      LOG.debug("{}", e.getMessage());
    }
  }

  /** Reads memory, connections and state; returns whether the guest was paused. */
  private static boolean load(MigrationStream stream, RestoreTarget target)
      throws IOException, MachineException {
    for (Frame frame = stream.read(); frame != null; frame = stream.read()) {
      switch (frame.type()) {
        case PAGES -> readPages(stream, frame, target.ram());
        case MEMORY -> target.adoptMemory(descriptor(frame, "memory"));
        case LINK -> adopt(frame, target);
        case STATE -> {
          target.load(StateReader.of(frame.payload()));
          return frame.argument() != 0;
        }
        case ABORT -> throw new IOException("the source keeps the guest: " + frame.text());
        default -> throw new IOException("the source sent an unexpected frame: " + frame.type());
      }
    }
    throw new IOException("the source closed the connection");
  }

  private static void readPages(MigrationStream stream, Frame frame, GuestRam ram)
      throws IOException {
    for (MemoryRegion region : ram.memory().regions()) {
      long offset = frame.argument() - region.fileOffset();
      if (offset >= 0 && offset <= region.size() && frame.length() <= region.size() - offset) {
        if (!stream.readAll(region.host().asSlice(offset, frame.length()))) {
          throw new IOException("the source closed the connection");
        }
        return;
      }
    }
    throw new StateException(
        "the source sent pages for offset 0x%x, which is outside this machine's memory"
            .formatted(frame.argument()));
  }

  /** The port number in a frame; one that no port can have stays one. */
  private static int port(Frame frame) {
    return Math.clamp(frame.argument(), -1, Integer.MAX_VALUE);
  }

  private static Fd descriptor(Frame frame, String what) throws IOException {
    if (frame.descriptors().size() != 1) {
      frame.descriptors().forEach(Fd::close);
      throw new IOException(what + " must come with exactly one descriptor");
    }
    return frame.descriptors().getFirst();
  }

  private static void adopt(Frame frame, RestoreTarget target) throws IOException {
    Fd descriptor = descriptor(frame, "a connection");
    try {
      // The event loop must not wait in a read or write, whatever the source has set.
      descriptor.nonBlocking(true);
      target.adopt(port(frame), HostConnection.duplex(descriptor));
    } catch (IOException e) {
      descriptor.close();
      throw e;
    } catch (PortException e) {
      descriptor.close();
      throw new IOException(FailureText.of(e), e);
    }
  }

  /**
   * Stops listening, removes a unix socket's file, and closes the machine if no guest has taken it.
   */
  @Override
  public void close() {
    listener.close();
    if (waiting != null) {
      waiting.close();
      waiting = null;
    }
  }
}
