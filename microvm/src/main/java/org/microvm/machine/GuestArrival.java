package org.microvm.machine;

import java.io.IOException;
import java.util.function.BooleanSupplier;
import org.microvm.devices.state.StateReader;
import org.microvm.linux.FailureText;
import org.microvm.linux.Fd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.transfer.MigrationStream;
import org.microvm.machine.transfer.MigrationStream.Frame;
import org.microvm.machine.transfer.MigrationStream.Type;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.backend.HostConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A guest that a source sends to this process, from its accepted HELLO to the moment when one of
 * the two sides runs it; see {@link MigrationStream} for the protocol.
 */
final class GuestArrival {
  private static final Logger LOG = LoggerFactory.getLogger(GuestArrival.class);

  private final MigrationStream stream;
  private final RestoreTarget target;

  GuestArrival(MigrationStream stream, RestoreTarget target) {
    this.stream = stream;
    this.target = target;
  }

  /** Reports to the source why the guest cannot be accepted, if the source still listens. */
  static void refuse(MigrationStream stream, Throwable why) {
    try {
      stream.write(Type.FAILED, String.valueOf(why.getMessage()));
    } catch (IOException e) {
      LOG.debug("the connection to the source is lost: {}", e.getMessage());
    }
  }

  /**
   * Takes the guest over.
   *
   * @param held whether the guest stays paused here; called when it has arrived
   * @return the machine, which has been started
   * @throws IOException if the source keeps the guest, or does not follow the protocol
   * @throws MachineException if the guest cannot run here
   */
  Machine takeOver(BooleanSupplier held) throws IOException, MachineException {
    boolean paused;
    try {
      // Before the state arrives: a thread takes long to start on a busy host.
      target.standBy();
      paused = load();
      stream.write(Type.READY);
    } catch (IOException | MachineException | RuntimeException | Error e) {
      refuse(stream, e);
      throw e;
    }
    SourceVerdict verdict = awaitVerdict();
    return switch (verdict) {
      case GO -> {
        prepareToRun(held);
        sendRunning();
        yield target.activate(paused || isHeld(held));
      }
      // The source has died, and no other process has the guest.
      case LOCAL_EOF -> {
        target.takeDisks();
        yield target.activate(paused || isHeld(held));
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
  private SourceVerdict awaitVerdict() throws IOException, MachineException {
    Frame frame;
    try {
      frame = stream.read();
      for (long rest = 0; frame != null && frame.type() == Type.REST; frame = stream.read()) {
        rest += frame.payload().length;
        if (rest > MigrationStream.MAX_REST) {
          throw new MachineException(
              "the source sent more than %d bytes of input".formatted(MigrationStream.MAX_REST));
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
      throw new IOException("the source aborted the migration: " + frame.text());
    }
    return SourceVerdict.GO;
  }

  /**
   * Takes the steps that can fail before RUNNING is sent, because the source abandons the guest
   * when it reads that. Disks come last, because the source locks them again as soon as it receives
   * a failure.
   *
   * @param held is called to find out whether it fails; its result may change until the guest runs
   */
  private void prepareToRun(BooleanSupplier held) throws IOException {
    try {
      boolean staysPaused = held.getAsBoolean();
      LOG.debug("the guest has arrived; it stays paused: {}", staysPaused);
      target.takeDisks();
    } catch (IOException | RuntimeException | Error e) {
      refuse(stream, e);
      throw e;
    }
  }

  /**
   * Returns whether the guest, which only this process has now, stays paused; true if the supplier
   * fails.
   */
  private static boolean isHeld(BooleanSupplier held) {
    try {
      return held.getAsBoolean();
    } catch (RuntimeException | Error e) {
      LOG.error("the guest stays paused: the caller's supplier failed", e);
      return true;
    }
  }

  private void sendRunning() {
    try {
      stream.write(Type.RUNNING);
    } catch (IOException e) {
      // The source has just died; the guest runs here nevertheless.
      LOG.debug("{}", e.getMessage());
    }
  }

  /** Reads memory, connections and state; returns whether the guest was paused. */
  private boolean load() throws IOException, MachineException {
    try (ArrivingPages pages = new ArrivingPages(stream, target.ram())) {
      return load(pages);
    }
  }

  private boolean load(ArrivingPages pages) throws IOException, MachineException {
    for (Frame frame = stream.read(); frame != null; frame = stream.read()) {
      switch (frame.type()) {
        case PAGES -> pages.read(frame);
        case MEMORY -> target.adoptMemory(descriptor(frame, "memory"));
        case LINK -> adopt(frame);
        case STATE -> {
          target.load(StateReader.of(frame.payload()));
          return frame.argument() != 0;
        }
        case ABORT -> throw new IOException("the source aborted the migration: " + frame.text());
        default -> throw new IOException("the source sent an unexpected frame: " + frame.type());
      }
    }
    throw new IOException("the source closed the connection");
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

  private void adopt(Frame frame) throws IOException {
    Fd descriptor = descriptor(frame, "a connection");
    try {
      // The event loop must not wait in a read or write, even if the source has set blocking mode.
      descriptor.nonBlocking(true);
      target.adopt(port(frame), HostConnection.ofSocket(descriptor));
    } catch (IOException | RuntimeException | Error e) {
      descriptor.close();
      throw e;
    } catch (PortException e) {
      descriptor.close();
      throw new IOException(FailureText.of(e), e);
    }
  }
}
