package org.microvm.virtioserial.options;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.virtioserial.backend.FifoBackend;
import org.microvm.virtioserial.backend.FileBackend;
import org.microvm.virtioserial.backend.LoggedBackend;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PassedClientBackend;
import org.microvm.virtioserial.backend.PassedServerBackend;
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
        ChardevSpec.File,
        ChardevSpec.Pipe,
        ChardevSpec.Pty,
        ChardevSpec.Stdio,
        ChardevSpec.Null,
        ChardevSpec.Passed,
        ChardevSpec.Logged,
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
   * A chardev with a log of what its host program receives.
   *
   * @param spec the chardev, which has no log itself
   * @param log the log, which is created if it does not exist
   * @param append whether the content of the log is kept
   */
  record Logged(ChardevSpec spec, Path log, boolean append) implements ChardevSpec {
    /** Checks that nothing is null. */
    public Logged {
      Objects.requireNonNull(spec);
      Objects.requireNonNull(log);
    }

    @Override
    public ChardevSpec plain() {
      return spec;
    }

    @Override
    public ChardevSpec withPlain(UnaryOperator<ChardevSpec> change) {
      return new Logged(change.apply(spec), log, append);
    }

    @Override
    public String kind() {
      return spec.kind();
    }

    @Override
    public void addTo(Map<String, String> options) {
      spec.addTo(options);
      options.put("logfile", log.toString());
      if (append) {
        options.put("logappend", OptionList.flag(true));
      }
    }

    @Override
    public ChardevSpec absolute() {
      return new Logged(spec.absolute(), log.toAbsolutePath(), append);
    }

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return LoggedBackend.open(spec.open(loop), log, append);
    }

    @Override
    public PortBackend openForTakeover(EventLoop loop) throws IOException {
      return LoggedBackend.open(spec.openForTakeover(loop), log, append);
    }
  }

  /** What a descriptor is that another process has passed. */
  enum Use {
    /** A connected socket. */
    CONNECTED,
    /** A listening socket. */
    LISTENING,
    /** A file that receives the guest's bytes. */
    FILE
  }

  /**
   * A socket or file that another process has opened, and passed to this one as a descriptor.
   *
   * @param name how its user names it: its number, or what a client of the control socket called it
   * @param use what it is
   * @param waits whether the guest starts only after a client of a listening socket has connected
   * @param source supplies the descriptor
   */
  record Passed(String name, Use use, boolean waits, Source source) implements ChardevSpec {
    /** Supplies a descriptor. */
    @FunctionalInterface
    public interface Source {
      /**
       * Supplies the descriptor; a socket is supplied once.
       *
       * @return the descriptor, which the caller closes
       * @throws IOException if it is not open or not what it should be
       */
      Fd take() throws IOException;
    }

    /** Checks that nothing is null. */
    public Passed {
      Objects.requireNonNull(name);
      Objects.requireNonNull(use);
      Objects.requireNonNull(source);
    }

    @Override
    public String kind() {
      return use == Use.FILE ? "file" : "socket";
    }

    @Override
    public void addTo(Map<String, String> options) {
      options.put(use == Use.FILE ? "path" : "fd", name);
      if (use == Use.LISTENING) {
        options.put("server", OptionList.flag(true));
        options.put("wait", OptionList.flag(waits));
      }
    }

    @Override
    public PortBackend open(EventLoop loop) throws IOException {
      return switch (use) {
        case CONNECTED -> PassedClientBackend.of(source.take(), name);
        case LISTENING -> PassedServerBackend.of(source.take(), name, waits);
        case FILE -> FileBackend.of(source.take(), Path.of(name));
      };
    }
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
