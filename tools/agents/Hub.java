import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import org.microvm.spice.ClipboardException;
import org.microvm.spice.ClipboardHub;

/** Plays the machine between a SPICE agent and programs: {@code Hub AGENT PROGRAMS}, two sockets. */
public final class Hub {
  private Hub() {}

  /** Serves until the process is killed. */
  public static void main(String[] args) throws Exception {
    ClipboardHub hub = new ClipboardHub();
    ServerSocketChannel agent = listen(args[0]);
    ServerSocketChannel programs = listen(args[1]);
    Thread.ofPlatform().daemon().start(() -> serve(hub, agent));
    while (true) {
      hub.join(programs.accept());
    }
  }

  private static ServerSocketChannel listen(String socket) throws Exception {
    return ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(Path.of(socket)));
  }

  private static void serve(ClipboardHub hub, ServerSocketChannel agent) {
    try {
      while (true) {
        hub.guest().serve(agent.accept());
      }
    } catch (ClipboardException violation) {
      System.err.println("the agent sent " + violation.getMessage());
    } catch (java.io.IOException e) {
      System.err.println(e.getMessage());
    }
  }
}
