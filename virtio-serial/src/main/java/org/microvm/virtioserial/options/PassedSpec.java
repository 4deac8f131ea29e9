package org.microvm.virtioserial.options;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.virtioserial.backend.FileBackend;
import org.microvm.virtioserial.backend.PassedClientBackend;
import org.microvm.virtioserial.backend.PassedServerBackend;
import org.microvm.virtioserial.backend.PortBackend;

/**
 * A socket or file that another process has opened, and passed to this one as a descriptor.
 *
 * @param name how its user names it: its number, or what a client of the control socket called it
 * @param use the kind of the descriptor
 * @param waits whether the guest starts only after a client of a listening socket has connected
 * @param source supplies the descriptor
 */
public record PassedSpec(String name, Use use, boolean waits, Source source)
    implements ChardevSpec {
  /** The kind of a descriptor that another process has passed. */
  public enum Use {
    /** A connected socket. */
    CONNECTED,
    /** A listening socket. */
    LISTENING,
    /** A file that receives the guest's bytes. */
    FILE
  }

  /** Supplies a descriptor. */
  @FunctionalInterface
  public interface Source {
    /**
     * Supplies the descriptor; a socket is supplied once.
     *
     * @return the descriptor, which the caller closes
     * @throws IOException if it is not open, or of another kind
     */
    Fd take() throws IOException;
  }

  /** Checks that nothing is null. */
  public PassedSpec {
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
