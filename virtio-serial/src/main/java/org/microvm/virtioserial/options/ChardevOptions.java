package org.microvm.virtioserial.options;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.microvm.linux.SocketMode;
import org.microvm.virtioserial.backend.RingBuffer;

/** Reads and writes the options of {@code --chardev}. */
public final class ChardevOptions {
  private static final List<String> KINDS =
      List.of(
          "socket", "file", "pipe", "pty", "stdio", "null", "ringbuf", "channel", "qemu-vdagent");
  private static final String DEFAULT_HOST = "127.0.0.1";

  private ChardevOptions() {}

  /**
   * Reads the specification of a chardev. The caller takes {@code id=}, if it needs it.
   *
   * <ul>
   *   <li>{@code socket,id=ID,path=PATH,server=on[,wait=on|off][,mode=0600]} (wait=on by default)
   *   <li>{@code socket,id=ID,path=PATH[,reconnect-ms=N|,reconnect=SECONDS]}
   *   <li>{@code socket,id=ID[,host=127.0.0.1],port=N}: a TCP server or client on a loopback
   *       address, with the same options as a unix socket
   *   <li>{@code socket,id=ID,fd=N[,server=on[,wait=on|off]]}: a socket that the parent process has
   *       opened, which listens with server=on and is connected otherwise
   *   <li>{@code file,id=ID,path=PATH[,append=on][,input-path=PATH]}
   *   <li>{@code pipe,id=ID,path=PATH} for the FIFOs PATH.in and PATH.out
   *   <li>{@code stdio,id=ID[,signal=on|off]} (signal=on by default: Ctrl-C ends this process)
   *   <li>{@code pty,id=ID}, {@code null,id=ID}
   *   <li>{@code ringbuf,id=ID[,size=N]}: the guest's last N bytes in memory (65536 by default)
   *   <li>{@code channel,id=ID} for a program in this JVM
   *   <li>{@code qemu-vdagent,id=ID,clipboard=on[,path=PATH]} for the SPICE agent in the guest
   * </ul>
   *
   * <p>All but {@code channel} and {@code qemu-vdagent} accept {@code logfile=PATH[,logappend=on]}:
   * a file that also gets what the host program receives.
   *
   * @param options the parsed option; all of its values are taken
   * @return the specification; nothing is opened
   * @throws OptionException if an option is unknown, missing or has a bad value
   */
  public static ChardevSpec read(OptionList options) throws OptionException {
    options.take("id");
    Optional<Path> log = options.takePath("logfile");
    boolean append = options.takeFlag("logappend", false);
    ChardevSpec spec = plain(options);
    options.finish();
    if (log.isPresent()) {
      return logged(spec, log.get(), append);
    }
    if (append) {
      throw new OptionException(options.kind() + ": logappend= needs logfile=");
    }
    return spec;
  }

  /**
   * Adds a log to a chardev.
   *
   * @param spec the chardev
   * @param log the log
   * @param append whether the content of the log is kept
   * @return the chardev with the log
   * @throws OptionException if the kind of chardev cannot have one
   */
  public static ChardevSpec logged(ChardevSpec spec, Path log, boolean append)
      throws OptionException {
    if (spec instanceof ChardevSpec.InProcess || spec instanceof ChardevSpec.Clipboard) {
      throw new OptionException(spec.kind() + ": logfile= is not supported for this chardev type");
    }
    return new LoggedSpec(spec, log, append);
  }

  private static ChardevSpec plain(OptionList options) throws OptionException {
    return switch (options.kind()) {
      case "socket" -> socket(options);
      case "file" ->
          new ChardevSpec.File(
              options.needPath("path"),
              options.takeFlag("append", false),
              options.takePath("input-path"));
      case "pipe" -> new ChardevSpec.Pipe(options.needPath("path"));
      case "pty" -> new ChardevSpec.Pty();
      case "stdio" -> new ChardevSpec.Stdio(options.takeFlag("signal", true));
      case "null" -> new ChardevSpec.Null();
      case "ringbuf" -> ring(options.takeNumber("size", RingBuffer.DEFAULT_BYTES));
      case "channel" -> new ChardevSpec.InProcess();
      case "qemu-vdagent" -> clipboard(options);
      default ->
          throw new OptionException(
              "unknown chardev type \"%s\"; supported types: %s%s"
                  .formatted(
                      options.kind(),
                      String.join(", ", KINDS),
                      NearestWord.hint(options.kind(), KINDS)));
    };
  }

  /**
   * Makes the specification of a host end in memory.
   *
   * @param size number of bytes that it keeps
   * @return the specification
   * @throws OptionException if the size is not a power of two, or too large
   */
  public static ChardevSpec ring(long size) throws OptionException {
    try {
      return new ChardevSpec.Ring(new RingBuffer(Math.clamp(size, 0, 1 << 30)));
    } catch (IllegalArgumentException e) {
      throw new OptionException(e.getMessage());
    }
  }

  private static ChardevSpec clipboard(OptionList options) throws OptionException {
    boolean clipboard = options.takeFlag("clipboard", false);
    if (!clipboard) {
      throw new OptionException("qemu-vdagent needs clipboard=on");
    }
    if (options.takeFlag("mouse", false)) {
      throw new OptionException(
          "qemu-vdagent: mouse=on is not supported; only mouse=off is accepted");
    }
    return new ChardevSpec.Clipboard(options.takePath("path"));
  }

  private static SocketSpec socket(OptionList options) throws OptionException {
    Optional<Path> path = options.takePath("path");
    Optional<String> mode = options.take("mode");
    Optional<String> fd = options.take("fd");
    SocketSpec.Address address =
        fd.isPresent()
            ? inherited(fd.get(), path)
            : path.isPresent() ? new SocketSpec.Unix(path.get(), mode(mode)) : tcp(options);
    boolean server = options.takeFlag("server", false);
    if (mode.isPresent() && (path.isEmpty() || !server)) {
      throw new OptionException("socket: mode= needs path= and server=on");
    }
    boolean wait = options.takeFlag("wait", true);
    int seconds = options.takeNumber("reconnect", 0);
    int millis = options.takeNumber("reconnect-ms", 0);
    if (fd.isPresent() && seconds + millis > 0) {
      throw new OptionException("socket: reconnect= cannot be combined with fd=");
    }
    return new SocketSpec(address, server ? new SocketSpec.Server(wait) : client(seconds, millis));
  }

  /**
   * Reads the permissions of a server's unix socket.
   *
   * @param text octal digits; empty for only the owner
   * @return the permissions
   * @throws OptionException if the text is no such number, or the owner lacks a permission
   */
  public static SocketMode mode(Optional<String> text) throws OptionException {
    try {
      return text.isPresent() ? SocketMode.parse(text.get()) : SocketMode.OWNER;
    } catch (IllegalArgumentException e) {
      throw new OptionException("socket: " + e.getMessage());
    }
  }

  private static SocketSpec.Inherited inherited(String fd, Optional<Path> path)
      throws OptionException {
    if (path.isPresent()) {
      throw new OptionException("socket has either path= or fd=");
    }
    if (!fd.matches("[0-9]{1,9}")) {
      throw new OptionException("socket: fd=%s is not the number of a descriptor".formatted(fd));
    }
    return new SocketSpec.Inherited(Integer.parseInt(fd));
  }

  private static SocketSpec.Tcp tcp(OptionList options) throws OptionException {
    Optional<String> port = options.take("port");
    if (port.isEmpty()) {
      throw new OptionException("socket needs path=, or host= and port=, or fd=");
    }
    return tcp(options.take("host").orElse(DEFAULT_HOST), port.get());
  }

  /**
   * Reads the address of a TCP socket.
   *
   * @param host a name or address, which is resolved
   * @param port the port number as text, 0 to 65535
   * @return the address, resolved
   * @throws OptionException if it is not a loopback address of IPv4, or the port is not a number
   */
  public static SocketSpec.Tcp tcp(String host, String port) throws OptionException {
    InetSocketAddress address;
    try {
      address = new InetSocketAddress(host, Integer.parseInt(port));
    } catch (IllegalArgumentException e) {
      throw new OptionException(
          "socket: port=%s is not a port number from 0 to 65535".formatted(port));
    }
    try {
      return new SocketSpec.Tcp(address);
    } catch (IllegalArgumentException e) {
      throw new OptionException("socket: " + e.getMessage());
    }
  }

  /**
   * Reads the interval of a client that connects again.
   *
   * @param seconds whole seconds of the interval
   * @param millis further milliseconds of the interval
   * @return the role of a client; with an interval of 0 it connects once
   * @throws OptionException if the interval is negative or too long
   */
  public static SocketSpec.Client client(long seconds, long millis) throws OptionException {
    try {
      return new SocketSpec.Client(Duration.ofSeconds(seconds).plusMillis(millis));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new OptionException("socket: " + e.getMessage());
    }
  }

  /**
   * Writes a chardev as {@link #read} reads it. A value that is the default is left out.
   *
   * @param id what ports name in {@code chardev=}
   * @param spec the specification
   * @return the option's text
   */
  public static String write(String id, ChardevSpec spec) {
    Map<String, String> values = new LinkedHashMap<>();
    values.put("id", id);
    spec.addTo(values);
    return OptionList.of(spec.kind(), values).toString();
  }
}
