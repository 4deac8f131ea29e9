package org.microvm.virtioserial.options;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.FifoBackend;
import org.microvm.virtioserial.backend.FileBackend;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.backend.RingBackend;
import org.microvm.virtioserial.backend.RingBuffer;
import org.microvm.virtioserial.backend.StdioBackend;
import org.microvm.virtioserial.channel.ChannelBackend;
import org.microvm.virtioserial.channel.ClipboardBackend;

/**
 * The specification of a chardev, the host end of a port. A specification is data: it can be read
 * from an option or from JSON, compared and written, and nothing is opened before {@link #open}.
 */
public sealed interface ChardevSpec
    permits SocketSpec,
        PassedSpec,
        LoggedSpec,
        ChardevSpec.File,
        ChardevSpec.Pipe,
        ChardevSpec.Pty,
        ChardevSpec.Stdio,
        ChardevSpec.Null,
        ChardevSpec.Ring,
        ChardevSpec.InProcess,
        ChardevSpec.Clipboard {

  /** {@return the kind, the first word of the option {@code --chardev}} */
  String kind();

  /**
   * Adds the values that are not the default to those of an option, by name.
   *
   * @param options receives the values
   */
  void addTo(Map<String, String> options);

  /**
   * Opens the backend. A server socket listens when this method returns.
   *
   * @param loop the event loop of the device
   * @return the backend, which a port owns and closes
   * @throws IOException if the file or socket cannot be opened; the message names it
   */
  PortBackend open(EventLoop loop) throws IOException;

  /**
   * Opens the backend for a guest that migrates here from another process. The server of a unix
   * socket leaves the path to that process until {@link PortBackend#takeOver}; the other kinds open
   * as in {@link #open}.
   *
   * @param loop the event loop of the device
   * @return the backend, which a port owns and closes
   * @throws IOException if the file or socket cannot be opened; the message names it
   */
  default PortBackend openForTakeover(EventLoop loop) throws IOException {
    return open(loop);
  }

  /**
   * {@return this specification with absolute paths, so that it means the same in another working
   * directory}
   */
  default ChardevSpec absolute() {
    return this;
  }

  /** {@return the specification itself, or the one that a log was added to} */
  default ChardevSpec plain() {
    return this;
  }

  /**
   * Changes the specification that a log may have been added to.
   *
   * @param change returns another specification
   * @return the changed one, with the same log if there is one
   */
  default ChardevSpec withPlain(UnaryOperator<ChardevSpec> change) {
    return change.apply(this);
  }

  /**
   * A file that receives the guest's bytes.
   *
   * @param path the output file, which is created if it does not exist
   * @param append whether the content of the output file is kept
   * @param input the file whose bytes the guest receives
   */
  record File(Path path, boolean append, Optional<Path> input) implements ChardevSpec {
    /** Checks that nothing is null. */
    public File {
      Objects.requireNonNull(path);
      Objects.requireNonNull(input);
    }

    @Override
    public String kind() {
      return "file";
    }

    @Override
    public void addTo(Map<String, String> options) {
      options.put("path", path.toString());
      if (append) {
        options.put("append", OptionList.flag(true));
      }
      input.ifPresent(file -> options.put("input-path", file.toString()));
    }

    @Override
    public ChardevSpec absolute() {
      return new File(path.toAbsolutePath(), append, input.map(Path::toAbsolutePath));
    }

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return FileBackend.open(path, append, input);
    }
  }

  /**
   * Two FIFOs.
   *
   * @param path the common part of their names: the guest receives the bytes of {@code PATH.in} and
   *     sends to {@code PATH.out}
   */
  record Pipe(Path path) implements ChardevSpec {
    /** Checks that the path is not null. */
    public Pipe {
      Objects.requireNonNull(path);
    }

    @Override
    public String kind() {
      return "pipe";
    }

    @Override
    public void addTo(Map<String, String> options) {
      options.put("path", path.toString());
    }

    @Override
    public ChardevSpec absolute() {
      return new Pipe(path.toAbsolutePath());
    }

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return FifoBackend.open(path);
    }
  }

  /** A new pseudo-terminal. */
  record Pty() implements ChardevSpec {
    @Override
    public String kind() {
      return "pty";
    }

    @Override
    public void addTo(Map<String, String> options) {}

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return PtyBackend.open();
    }
  }

  /**
   * Standard input and output of this process.
   *
   * @param signals whether Ctrl-C and the like end this process; otherwise the guest receives them
   */
  record Stdio(boolean signals) implements ChardevSpec {
    @Override
    public String kind() {
      return "stdio";
    }

    @Override
    public void addTo(Map<String, String> options) {
      if (!signals) {
        options.put("signal", OptionList.flag(false));
      }
    }

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return StdioBackend.open(signals);
    }
  }

  /** A host end that drops the guest's bytes and sends none. */
  record Null() implements ChardevSpec {
    @Override
    public String kind() {
      return "null";
    }

    @Override
    public void addTo(Map<String, String> options) {}

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return NullBackend.open();
    }
  }

  /**
   * A host end that keeps the guest's last bytes in memory, also after the port has ended.
   *
   * @param buffer what keeps them
   */
  record Ring(RingBuffer buffer) implements ChardevSpec {
    /** Checks that the buffer is not null. */
    public Ring {
      Objects.requireNonNull(buffer);
    }

    /** {@return whether the other one has the same options; what is kept does not count} */
    @Override
    public boolean equals(Object other) {
      return other instanceof Ring ring && ring.buffer.size() == buffer.size();
    }

    @Override
    public int hashCode() {
      return Integer.hashCode(buffer.size());
    }

    @Override
    public String kind() {
      return "ringbuf";
    }

    @Override
    public void addTo(Map<String, String> options) {
      if (buffer.size() != RingBuffer.DEFAULT_BYTES) {
        options.put("size", String.valueOf(buffer.size()));
      }
    }

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return RingBackend.open(buffer);
    }
  }

  /** A channel to a program in this JVM, which opens it by the name of the port. */
  record InProcess() implements ChardevSpec {
    @Override
    public String kind() {
      return "channel";
    }

    @Override
    public void addTo(Map<String, String> options) {}

    @Override
    public PortBackend open(EventLoop loop) {
      return new ChannelBackend(loop);
    }
  }

  /**
   * The host side of the SPICE agent, with the guest's clipboard.
   *
   * @param path the unix socket at which host programs get the clipboard; empty for none
   */
  record Clipboard(Optional<Path> path) implements ChardevSpec {
    /** Checks that the path is not null. */
    public Clipboard {
      Objects.requireNonNull(path);
    }

    @Override
    public String kind() {
      return "qemu-vdagent";
    }

    @Override
    public void addTo(Map<String, String> options) {
      options.put("clipboard", OptionList.flag(true));
      path.ifPresent(socket -> options.put("path", socket.toString()));
    }

    @Override
    public ChardevSpec absolute() {
      return new Clipboard(path.map(Path::toAbsolutePath));
    }

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return ClipboardBackend.open(loop, path, false);
    }

    @Override
    public PortBackend openForTakeover(EventLoop loop) throws IOException {
      return ClipboardBackend.open(loop, path, true);
    }
  }
}
