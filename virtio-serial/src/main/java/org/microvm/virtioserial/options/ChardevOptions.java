package org.microvm.virtioserial.options;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.FifoBackend;
import org.microvm.virtioserial.backend.FileBackend;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.backend.StdioBackend;
import org.microvm.virtioserial.backend.TcpClientBackend;
import org.microvm.virtioserial.backend.TcpServerBackend;
import org.microvm.virtioserial.backend.UnixClientBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;
import org.microvm.virtioserial.channel.ChannelBackend;

/** Creates the host end of a port from the options of {@code --chardev}. */
public final class ChardevOptions {
  private static final String KINDS = "socket, file, pipe, pty, stdio, null, channel";

  private ChardevOptions() {}

  /**
   * Creates the backend. A server socket listens when this method returns.
   *
   * <ul>
   *   <li>{@code socket,id=ID,path=PATH,server=on[,wait=on|off]} (wait=on by default)
   *   <li>the server form with {@code takeover=on}: takes the path over from the server in the
   *       process that a guest migrates from
   *   <li>{@code socket,id=ID,path=PATH[,reconnect-ms=N|,reconnect=SECONDS]}
   *   <li>{@code socket,id=ID[,host=127.0.0.1],port=N}: a TCP server or client on a loopback
   *       address, with the same options as a unix socket except {@code takeover}
   *   <li>{@code file,id=ID,path=PATH[,append=on][,input-path=PATH]}
   *   <li>{@code pipe,id=ID,path=PATH} for the FIFOs PATH.in and PATH.out
   *   <li>{@code stdio,id=ID[,signal=on|off]} (signal=on by default: Ctrl-C ends this process)
   *   <li>{@code pty,id=ID}, {@code null,id=ID}
   *   <li>{@code channel,id=ID} for a program in this JVM
   * </ul>
   *
   * @param loop the device's event loop
   * @throws OptionException if an option is unknown, missing or has a bad value
   * @throws IOException if the options are valid, but the file or socket cannot be opened
   */
  public static PortBackend backend(OptionWords words, EventLoop loop)
      throws OptionException, IOException {
    words.take("id");
    return switch (words.kind()) {
      case "socket" -> socket(words);
      case "file" -> file(words);
      case "pipe" -> pipe(words);
      case "pty" -> {
        words.finish();
        yield PtyBackend.open();
      }
      case "stdio" -> {
        boolean signals = words.takeFlag("signal", true);
        words.finish();
        yield StdioBackend.open(signals);
      }
      case "null" -> {
        words.finish();
        yield NullBackend.open();
      }
      case "channel" -> {
        words.finish();
        yield new ChannelBackend(loop);
      }
      default ->
          throw new OptionException(
              "there is no chardev \"%s\"; the kinds are: %s".formatted(words.kind(), KINDS));
    };
  }

  private static PortBackend socket(OptionWords words) throws OptionException, IOException {
    Optional<Path> path = words.take("path").map(Path::of);
    Optional<InetSocketAddress> address =
        path.isPresent() ? Optional.empty() : Optional.of(address(words));
    boolean server = words.takeFlag("server", false);
    boolean wait = words.takeFlag("wait", true);
    boolean takeover = words.takeFlag("takeover", false);
    Duration interval =
        Duration.ofSeconds(words.takeNumber("reconnect", 0))
            .plusMillis(words.takeNumber("reconnect-ms", 0));
    words.finish();
    try {
      if (server) {
        return path.isPresent()
            ? takeover
                ? UnixServerBackend.listenAtTakeover(path.get())
                : UnixServerBackend.listen(path.get(), wait)
            : TcpServerBackend.listen(address.get(), wait);
      }
      if (interval.isZero()) {
        return path.isPresent()
            ? UnixClientBackend.connect(path.get())
            : TcpClientBackend.connect(address.get());
      }
      return path.isPresent()
          ? UnixClientBackend.reconnecting(path.get(), interval)
          : TcpClientBackend.reconnecting(address.get(), interval);
    } catch (IllegalArgumentException e) {
      throw new OptionException("socket: " + e.getMessage());
    }
  }

  private static InetSocketAddress address(OptionWords words) throws OptionException {
    Optional<String> port = words.take("port");
    if (port.isEmpty()) {
      throw new OptionException("socket needs path=, or host= and port=");
    }
    String host = words.take("host").orElse("127.0.0.1");
    try {
      return new InetSocketAddress(host, Integer.parseInt(port.get()));
    } catch (IllegalArgumentException e) {
      throw new OptionException(
          "socket: port=%s is not a port number from 0 to 65535".formatted(port.get()));
    }
  }

  private static PortBackend file(OptionWords words) throws OptionException, IOException {
    Path path = Path.of(words.need("path"));
    boolean append = words.takeFlag("append", false);
    Optional<Path> input = words.take("input-path").map(Path::of);
    words.finish();
    return FileBackend.open(path, append, input);
  }

  private static PortBackend pipe(OptionWords words) throws OptionException, IOException {
    Path path = Path.of(words.need("path"));
    words.finish();
    return FifoBackend.open(path);
  }
}
