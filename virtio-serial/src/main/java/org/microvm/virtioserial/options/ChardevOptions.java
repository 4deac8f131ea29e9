package org.microvm.virtioserial.options;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.microvm.linux.EventLoop;
import org.microvm.virtioserial.backend.FifoBackend;
import org.microvm.virtioserial.backend.FileBackend;
import org.microvm.virtioserial.backend.NullBackend;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.StdioBackend;
import org.microvm.virtioserial.backend.UnixClientBackend;
import org.microvm.virtioserial.backend.UnixServerBackend;
import org.microvm.virtioserial.channel.ChannelBackend;

/** What {@code -chardev} says about the host end of a port. */
public final class ChardevOptions {
  private ChardevOptions() {}

  /**
   * Makes the backend; what it listens on is listened on from now on.
   *
   * <ul>
   *   <li>{@code socket,id=ID,path=PATH,server=on[,wait=on|off]} (wait=on unless told otherwise)
   *   <li>{@code socket,id=ID,path=PATH[,reconnect-ms=N|,reconnect=SECONDS]}
   *   <li>{@code file,id=ID,path=PATH[,append=on][,input-path=PATH]}
   *   <li>{@code pipe,id=ID,path=PATH} for the FIFOs PATH.in and PATH.out
   *   <li>{@code stdio,id=ID}, {@code null,id=ID}
   *   <li>{@code channel,id=ID} for a program in this JVM
   * </ul>
   *
   * @param loop the device's
   * @throws OptionException if the words make no sense
   * @throws IOException if they do, but what they name cannot be opened
   */
  public static PortBackend backend(OptionWords words, EventLoop loop)
      throws OptionException, IOException {
    words.take("id");
    return switch (words.kind()) {
      case "socket" -> socket(words);
      case "file" -> file(words);
      case "pipe" -> pipe(words);
      case "stdio" -> {
        words.finish();
        yield StdioBackend.open();
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
              "there is no chardev \"%s\"; there are: socket, file, pipe, stdio, null, channel"
                  .formatted(words.kind()));
    };
  }

  private static PortBackend socket(OptionWords words) throws OptionException, IOException {
    Path path = Path.of(words.need("path"));
    if (words.takeFlag("server", false)) {
      boolean wait = words.takeFlag("wait", true);
      words.finish();
      return UnixServerBackend.listen(path, wait);
    }
    int seconds = words.takeNumber("reconnect", 0);
    int millis = words.takeNumber("reconnect-ms", 0);
    words.finish();
    Duration interval = Duration.ofSeconds(seconds).plusMillis(millis);
    return interval.isZero()
        ? UnixClientBackend.connect(path)
        : UnixClientBackend.reconnecting(path, interval);
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
