package org.microvm.cli;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.microvm.cli.named.MachineName;
import org.microvm.cli.named.Machines;
import org.microvm.fencing.FenceMachine;
import org.microvm.fencing.FencePolicy;
import org.microvm.fencing.FenceService;
import org.microvm.socket.UnixConnection;
import org.microvm.virtioserial.options.NearestWord;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm fence}: answers fence_virt in guests. */
@Command(
    name = "fence",
    description =
        "Answers requests of the fence agent fence_virt in guests, in its serial mode: powers named"
            + " machines off and on, resets them and reports their state. Runs until it is ended by a"
            + " signal.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class FenceCommand implements Callable<Integer> {
  /** The interval between two attempts to connect to a socket that is missing. */
  private static final long AGAIN_MILLIS = 1000;

  @Option(
      names = "--channel",
      paramLabel = "GUEST=PATH",
      required = true,
      description =
          "the unix socket of GUEST's console for fence_virt; the channel on which a request arrives"
              + " identifies the guest")
  private List<String> channels = List.of();

  @Option(
      names = "--allow",
      paramLabel = "GUEST=NAME[,NAME...]",
      required = true,
      description = "the machines that GUEST may fence; any other request is denied")
  private List<String> allowances = List.of();

  @Option(
      names = "--start",
      paramLabel = "NAME=PROGRAM",
      description =
          "a program without arguments that starts the machine NAME, for the actions on and reboot;"
              + " for example a script with `microvm run --detach`")
  private List<String> starters = List.of();

  private final Map<String, Path> sockets = new LinkedHashMap<>();
  private final Map<String, Path> programs = new HashMap<>();
  private final Map<String, Set<String>> allowed = new LinkedHashMap<>();

  @Override
  public Integer call() throws IOException, InterruptedException {
    readChannels();
    readAllowances();
    readStarters();
    Machines machines = Machines.ofUser();
    Map<String, FenceMachine> fenced = new HashMap<>();
    for (Set<String> names : allowed.values()) {
      for (String name : names) {
        MachineName machine = NamedRun.name("--allow", name);
        // Otherwise a name with a typing error would be a machine that is always off.
        if (!programs.containsKey(name)) {
          machines.find(machine);
        }
        fenced.put(name, new FencedMachine(machines, machine, programs.get(name)));
      }
    }
    FenceService service =
        new FenceService(fenced, new FencePolicy(allowed), line -> say("fence: " + line));
    for (Map.Entry<String, Path> socket : sockets.entrySet()) {
      Thread.ofPlatform()
          .name("fence-" + socket.getKey())
          .start(() -> serve(service, socket.getKey(), socket.getValue()));
    }
    Thread.currentThread().join();
    return 0;
  }

  private void readChannels() {
    for (String channel : channels) {
      Pair pair = Pair.of("--channel", "GUEST=PATH", channel);
      Path path = CommandLineBytes.path(pair.right());
      // The service would wait for it forever, and the guest could fence nobody.
      int bytes = path.toString().getBytes(StandardCharsets.UTF_8).length;
      if (bytes > UnixConnection.MAX_PATH_BYTES) {
        throw new UsageException(
            "--channel %s: a socket's path has at most %d bytes, this one has %d"
                .formatted(channel, UnixConnection.MAX_PATH_BYTES, bytes));
      }
      if (sockets.put(pair.left(), path) != null) {
        throw new UsageException("--channel " + channel + ": " + pair.left() + " has two channels");
      }
    }
  }

  private void readAllowances() {
    for (String allowance : allowances) {
      Pair pair = Pair.of("--allow", "GUEST=NAME[,NAME...]", allowance);
      if (!sockets.containsKey(pair.left())) {
        throw new UsageException(
            "--allow %s: there is no --channel %s=PATH%s"
                .formatted(
                    allowance, pair.left(), NearestWord.hint(pair.left(), sockets.keySet())));
      }
      Set<String> names = allowed.computeIfAbsent(pair.left(), guest -> new TreeSet<>());
      for (String name : pair.right().split(",", -1)) {
        names.add(NamedRun.name("--allow " + allowance, name).text());
      }
    }
  }

  private void readStarters() {
    Set<String> fenced = new TreeSet<>();
    allowed.values().forEach(fenced::addAll);
    for (String starter : starters) {
      Pair pair = Pair.of("--start", "NAME=PROGRAM", starter);
      Path program = CommandLineBytes.path(pair.right()).toAbsolutePath();
      if (!fenced.contains(pair.left())) {
        throw new UsageException(
            "--start %s: no guest may fence %s (--allow)%s"
                .formatted(starter, pair.left(), NearestWord.hint(pair.left(), fenced)));
      }
      if (!Files.isExecutable(program) || Files.isDirectory(program)) {
        throw new UsageException("--start " + starter + ": " + program + " is not a program");
      }
      programs.put(pair.left(), program);
    }
  }

  /** The two sides of an option's value. */
  private record Pair(String left, String right) {
    static Pair of(String option, String form, String value) {
      int equals = value.indexOf('=');
      if (equals < 1 || equals == value.length() - 1) {
        throw new UsageException("%s %s does not have the form %s".formatted(option, value, form));
      }
      return new Pair(value.substring(0, equals), value.substring(equals + 1));
    }
  }

  /** Serves a guest as long as this process lives; its machine may end and start again. */
  private static void serve(FenceService service, String guest, Path socket) {
    boolean told = false;
    try {
      while (true) {
        try {
          SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
          say("fence: " + guest + ": connected to " + socket);
          told = false;
          service.serve(guest, channel);
          say("fence: " + guest + ": the channel has ended");
        } catch (IOException e) {
          if (!told) {
            say("fence: %s: waiting for %s: %s".formatted(guest, socket, e.getMessage()));
            told = true;
          }
        } catch (OutOfMemoryError noThread) {
          say("fence: %s: %s".formatted(guest, noThread.getMessage()));
        }
        TimeUnit.MILLISECONDS.sleep(AGAIN_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
