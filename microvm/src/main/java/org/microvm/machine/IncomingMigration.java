package org.microvm.machine;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.migration.MigrationAddress;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.machine.transfer.MigrationTransports;
import org.microvm.machine.x86.CpuFeatures;
import org.microvm.memory.MemoryRegion;
import org.microvm.transport.TransportListener;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.backend.HostLink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The side of a live migration that the guest comes to: waits on a unix socket or a TCP port for
 * one to come.
 *
 * <p>Whoever can connect decides what runs here. A unix socket is for its owner only; at a TCP port
 * it is whoever has a certificate, or anybody if there is no TLS.
 */
public final class IncomingMigration implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(IncomingMigration.class);

  /** How long a source on another host may say nothing. */
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private final TransportListener listener;
  private final MigrationAddress address;

  /** Made before somebody could connect, until a guest comes; or null. */
  private PreparedMachine waiting;

  private IncomingMigration(
      TransportListener listener, MigrationAddress address, PreparedMachine waiting) {
    this.listener = listener;
    this.address = address;
    this.waiting = waiting;
  }

  /**
   * Listens on a unix socket from now on.
   *
   * @throws IOException if the path is too long, in use, or not allowed
   */
  public static IncomingMigration listen(Path socket) throws IOException {
    return listen(new MigrationAddress.Unix(socket));
  }

  /**
   * Listens from now on.
   *
   * @throws IOException if the address cannot be listened at, or the credentials cannot be used
   */
  public static IncomingMigration listen(MigrationAddress address) throws IOException {
    return new IncomingMigration(MigrationTransports.at(address), address, null);
  }

  /**
   * Makes all of a machine that can be made before a guest comes, goes through a migration ({@link
   * MigrationRehearsal}), and listens then: whoever finds it listening waits for nothing but the
   * guest.
   *
   * @param config for {@link #receive}, which is to be called once
   * @throws MachineException if the machine cannot be made
   * @throws IOException if the address cannot be listened at, or the credentials cannot be used
   */
  public static IncomingMigration listen(MigrationAddress address, MachineConfig config)
      throws IOException, MachineException {
    MigrationRehearsal.run();
    PreparedMachine prepared = prepare(config);
    try {
      return new IncomingMigration(MigrationTransports.at(address), address, prepared);
    } catch (IOException | RuntimeException e) {
      prepared.close();
      throw e;
    }
  }

  /** Waits with a listener that there is already. */
  static IncomingMigration at(TransportListener listener) {
    return new IncomingMigration(listener, null, null);
  }

  /** Where a guest is waited for; with the port that the kernel chose if it was to. */
  public MigrationAddress address() {
    return address instanceof MigrationAddress.Tcp tcp
        ? new MigrationAddress.Tcp(tcp.host(), listener.port(), tcp.tls())
        : address;
  }

  /**
   * Waits for a guest and takes it over. On return it runs here, and host programs are connected
   * here; one that was paused stays so until {@link Machine#resume}. So does one whose source was
   * lost, over TCP, right before it was to go on here: it may run there.
   *
   * <p>Servers whose clients come along must not be listening yet: see {@code
   * UnixServerBackend.listenAtTakeover}.
   *
   * @param config as it is for the machine that the guest comes from
   * @throws MachineException if the machine cannot be made, or the migration did not come about;
   *     the guest is then still where it was
   */
  public Machine receive(MachineConfig config) throws MachineException {
    try (MigrationStream stream = new MigrationStream(listener.accept())) {
      if (!stream.isLocal()) {
        stream.limitReads(SILENCE);
      }
      PreparedMachine prepared = greet(stream, config);
      try {
        return takeOver(stream, prepared);
      } catch (IOException | MachineException | RuntimeException e) {
        prepared.close();
        throw e;
      }
    } catch (IOException e) {
      throw new MachineException("incoming migration: " + e.getMessage(), e);
    }
  }

  /** Makes everything that can be made before the state is there. */
  private static PreparedMachine prepare(MachineConfig config)
      throws IOException, MachineException {
    PreparedMachine prepared = PreparedMachine.forMigration(config);
    try {
      if (!MigrationRehearsal.hasBegun()) {
        prepared.rehearse();
      }
      return prepared;
    } catch (IOException | MachineException | RuntimeException e) {
      prepared.close();
      throw e;
    }
  }

  /** Answers the source's first word; the machine is made by then. */
  private PreparedMachine greet(MigrationStream stream, MachineConfig config)
      throws IOException, MachineException {
    try {
      StateInput hello = check(stream.read(), config);
      PreparedMachine prepared = waiting == null ? prepare(config) : waiting;
      waiting = prepared;
      checkCpu(hello, prepared.cpuFeatures());
      stream.write(Type.OK, MigrationStream.TAKES_MEMORY, new byte[0], List.of());
      waiting = null;
      return prepared;
    } catch (IOException | MachineException | RuntimeException e) {
      stream.write(Type.FAILED, String.valueOf(e.getMessage()));
      throw e;
    }
  }

  private static StateInput check(Frame hello, MachineConfig config) throws IOException {
    if (hello == null || hello.type() != Type.HELLO) {
      throw new IOException("the connection is not that of a migration");
    }
    if (hello.argument() != MigrationStream.VERSION) {
      throw new IOException("the source speaks version %d".formatted(hello.argument()));
    }
    StateInput input = new StateInput("hello", MigrationStream.VERSION, hello.payload());
    long memory = input.getLong();
    int cpus = input.getInt();
    if (memory != config.memoryBytes() || cpus != config.cpus()) {
      throw new IOException(
          "the guest has %d vCPUs and %d bytes of memory, here are %d and %d"
              .formatted(cpus, memory, config.cpus(), config.memoryBytes()));
    }
    return input;
  }

  private static void checkCpu(StateInput hello, CpuFeatures here) throws IOException {
    // An older source says nothing of it.
    if (hello.remaining() > 0) {
      Optional<String> missing = CpuFeatures.read(hello).missingOn(here);
      if (missing.isPresent()) {
        throw new IOException(missing.get());
      }
    }
  }

  private static Machine takeOver(MigrationStream stream, PreparedMachine prepared)
      throws IOException, MachineException {
    boolean paused;
    try {
      paused = load(stream, prepared);
      prepared.standBy();
      stream.write(Type.READY);
    } catch (IOException | MachineException | RuntimeException e) {
      stream.write(Type.FAILED, String.valueOf(e.getMessage()));
      throw e;
    }
    Word word = awaitWord(stream, prepared);
    return switch (word) {
      case GO -> {
        takeDisks(stream, prepared);
        tellRunning(stream);
        yield prepared.goOn(paused);
      }
      // The source is dead, and nobody else has the guest.
      case NONE_FROM_HERE -> {
        prepared.takeDisks();
        yield prepared.goOn(paused);
      }
      case NONE_FROM_AFAR -> {
        LOG.warn(
            "the source was lost in the moment of the handover: the guest is paused here;"
                + " `cont` lets it go on, which only a guest may do that does not run there");
        yield prepared.keep();
      }
    };
  }

  /** What the source says when the state has been taken up. */
  private enum Word {
    GO,
    NONE_FROM_HERE,
    NONE_FROM_AFAR
  }

  /**
   * Takes what is still on its way from the host programs, and then the source's word.
   *
   * @throws IOException if the source goes on itself
   */
  private static Word awaitWord(MigrationStream stream, PreparedMachine prepared)
      throws IOException, MachineException {
    Frame frame;
    try {
      frame = stream.read();
      while (frame != null && frame.type() == Type.REST) {
        prepared.giveRest((int) frame.argument(), frame.payload());
        frame = stream.read();
      }
    } catch (IOException e) {
      if (stream.isLocal()) {
        throw e;
      }
      LOG.debug("{}", e.getMessage());
      frame = null;
    }
    if (frame == null) {
      return stream.isLocal() ? Word.NONE_FROM_HERE : Word.NONE_FROM_AFAR;
    }
    if (frame.type() != Type.GO) {
      throw new IOException("the source goes on itself: " + frame.text());
    }
    return Word.GO;
  }

  private static void takeDisks(MigrationStream stream, PreparedMachine prepared)
      throws IOException {
    try {
      prepared.takeDisks();
    } catch (IOException e) {
      stream.write(Type.FAILED, e.getMessage());
      throw e;
    }
  }

  private static void tellRunning(MigrationStream stream) {
    try {
      stream.write(Type.RUNNING);
    } catch (IOException e) {
      // The source has died in this moment.
      LOG.debug("{}", e.getMessage());
    }
  }

  /** Reads memory, connections and state; whether the guest was paused. */
  private static boolean load(MigrationStream stream, PreparedMachine prepared)
      throws IOException, MachineException {
    for (Frame frame = stream.read(); frame != null; frame = stream.read()) {
      switch (frame.type()) {
        case PAGES -> readPages(stream, frame, prepared.ram());
        case MEMORY -> prepared.adoptMemory(descriptor(frame, "memory"));
        case LINK -> adopt(frame, prepared);
        case STATE -> {
          prepared.load(StateReader.of(frame.payload()));
          return frame.argument() != 0;
        }
        case ABORT -> throw new IOException("the source goes on itself: " + frame.text());
        default -> throw new IOException("the source says " + frame.type());
      }
    }
    throw new IOException("the source has ended the connection");
  }

  private static void readPages(MigrationStream stream, Frame frame, GuestRam ram)
      throws IOException {
    for (MemoryRegion region : ram.memory().regions()) {
      long offset = frame.argument() - region.fileOffset();
      if (offset >= 0 && offset <= region.size() && frame.length() <= region.size() - offset) {
        if (!stream.readAll(region.host().asSlice(offset, frame.length()))) {
          throw new IOException("the source has ended the connection");
        }
        return;
      }
    }
    throw new StateException("memory is sent for 0x%x, where none is".formatted(frame.argument()));
  }

  private static Fd descriptor(Frame frame, String what) throws IOException {
    if (frame.descriptors().size() != 1) {
      frame.descriptors().forEach(Fd::close);
      throw new IOException(what + " came without its descriptor");
    }
    return frame.descriptors().getFirst();
  }

  private static void adopt(Frame frame, PreparedMachine prepared) throws IOException {
    Fd descriptor = descriptor(frame, "a connection");
    try {
      prepared.adopt((int) frame.argument(), HostLink.duplex(descriptor));
    } catch (PortException e) {
      descriptor.close();
      throw new IOException(e.getMessage(), e);
    }
  }

  /**
   * Stops listening and removes a unix socket's file; a machine that no guest came to is closed.
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
