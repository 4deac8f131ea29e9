package org.microvm.machine;

import java.io.IOException;
import java.nio.file.Path;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.linux.Fd;
import org.microvm.linux.GuestRam;
import org.microvm.linux.UnixListener;
import org.microvm.linux.UnixSocket;
import org.microvm.machine.MigrationStream.Frame;
import org.microvm.machine.MigrationStream.Type;
import org.microvm.memory.MemoryRegion;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.backend.HostLink;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The side of a live migration that the guest comes to: waits on a unix socket for one to come.
 *
 * <p>Whoever can connect to the socket decides what runs here: it is for its owner only.
 */
public final class IncomingMigration implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(IncomingMigration.class);

  private final UnixListener listener;

  private IncomingMigration(UnixListener listener) throws IOException {
    this.listener = listener;
    listener.fd().nonBlocking(false);
  }

  /**
   * Listens from now on.
   *
   * @throws IOException if the path is too long, in use, or not allowed
   */
  public static IncomingMigration listen(Path socket) throws IOException {
    return new IncomingMigration(UnixListener.open(socket));
  }

  /**
   * Waits for a guest and takes it over. On return it runs here, and host programs are connected
   * here; one that was paused stays so until {@link Machine#resume}.
   *
   * <p>Servers whose clients come along must not be listening yet: see {@code
   * UnixServerBackend.listenAtTakeover}.
   *
   * @param config as it is for the machine that the guest comes from
   * @throws MachineException if the machine cannot be made, or the migration did not come about;
   *     the guest is then still where it was
   */
  public Machine receive(MachineConfig config) throws MachineException {
    try (MigrationStream stream = new MigrationStream(accept())) {
      PreparedMachine prepared = prepare(stream, config);
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

  private Fd accept() throws IOException {
    Fd connection = null;
    while (connection == null) {
      connection = UnixSocket.accept(listener.fd());
    }
    return connection;
  }

  /** Makes everything that can be made before the state is there. */
  private static PreparedMachine prepare(MigrationStream stream, MachineConfig config)
      throws IOException, MachineException {
    try {
      check(stream.read(), config);
      PreparedMachine prepared = PreparedMachine.of(config);
      try {
        prepared.rehearse();
        stream.write(Type.OK);
        return prepared;
      } catch (IOException | MachineException | RuntimeException e) {
        prepared.close();
        throw e;
      }
    } catch (IOException | MachineException | RuntimeException e) {
      stream.write(Type.FAILED, String.valueOf(e.getMessage()));
      throw e;
    }
  }

  private static void check(Frame hello, MachineConfig config) throws IOException {
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
  }

  private static Machine takeOver(MigrationStream stream, PreparedMachine prepared)
      throws IOException, MachineException {
    boolean paused;
    try {
      paused = load(stream, prepared);
      stream.write(Type.READY);
    } catch (IOException | MachineException | RuntimeException e) {
      stream.write(Type.FAILED, String.valueOf(e.getMessage()));
      throw e;
    }
    Frame word = stream.read();
    if (word != null && word.type() != Type.GO) {
      throw new IOException("the source goes on itself: " + word.text());
    }
    // Without a word the source is dead, and nobody else has the guest.
    if (word != null) {
      tellRunning(stream);
    }
    return prepared.goOn(paused);
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

  private static void adopt(Frame frame, PreparedMachine prepared) throws IOException {
    if (frame.descriptors().size() != 1) {
      frame.descriptors().forEach(Fd::close);
      throw new IOException("a connection came without its descriptor");
    }
    Fd descriptor = frame.descriptors().getFirst();
    try {
      prepared.adopt((int) frame.argument(), HostLink.duplex(descriptor));
    } catch (PortException e) {
      descriptor.close();
      throw new IOException(e.getMessage(), e);
    }
  }

  /** Stops listening and removes the socket. */
  @Override
  public void close() {
    listener.close();
  }
}
