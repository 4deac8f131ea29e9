import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * Sends the same commands to the control sockets of two machines and prints the answers that
 * differ: {@code java tools/QmpCompare.java CASES QEMU-SOCKET OUR-SOCKET}.
 *
 * <p>A case is a line with a command's name and perhaps its arguments, or {@code raw} and a JSON
 * string with the bytes to send. A line {@code ! REASON} before it says why the answers may differ.
 * DIR in a case stands for a directory of each machine. Answers are alike if their errors are
 * equal, or if ours has at least the members of QEMU's, with the same types; and if the events that
 * come with them are the same, on the same side of the answer.
 *
 * <p>What no client can depend on is left out before: see {@link #IGNORED} and {@link
 * #normalised}.
 */
final class QmpCompare {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long ANSWER_SECONDS = 20;
  private static final long QUIET_MILLIS = 60;
  private static final long LONG_QUIET_MILLIS = 600;
  private static final long WAIT_MILLIS = 5000;

  /**
   * Events that are no part of the comparison: the guest opens its ports when it likes; the end of a
   * migration is reported here without the capability events, see docs/qmp.md; and QEMU's job of
   * snapshot-save, a command that this VMM refuses, sends its events during the cases that follow.
   */
  private static final Set<String> IGNORED =
      Set.of("VSERPORT_CHANGE", "MIGRATION", "JOB_STATUS_CHANGE");

  /** The number of a slot on the board of QEMU's machine. */
  private static final Pattern SLOT = Pattern.compile("virtio-mmio-bus\\.\\d+");

  /** QEMU's further error for the rest of a line that it has answered with an error already. */
  private static final String SECOND_ERROR = "JSON parse error, expecting value";

  private static final int WIDTH = 300;

  /** The reason of cases that are about commands of ours. */
  private static final String NOT_IN_QEMU = "not in QEMU";

  private record Case(String reason, String name, String text) {}

  public static void main(String[] args) throws Exception {
    List<Case> cases = read(Path.of(args[0]));
    int same = 0;
    int explained = 0;
    int ofOurs = 0;
    int refused = 0;
    try (Machine qemu = new Machine(Path.of(args[1]));
        Machine ours = new Machine(Path.of(args[2]))) {
      for (Case one : cases) {
        List<JsonNode> theirs = qemu.ask(one);
        List<JsonNode> mine = ours.ask(one);
        if (alike(theirs, mine)) {
          same++;
          if (!one.reason.isEmpty()) {
            System.out.println("= alike, although a reason is given: " + line(one));
          }
          continue;
        }
        explained += one.reason.isEmpty() ? 0 : 1;
        boolean notInQemu = one.reason.equals(NOT_IN_QEMU);
        ofOurs += notInQemu ? 1 : 0;
        refused += !notInQemu && isRefused(mine) && !isRefused(theirs) ? 1 : 0;
        System.out.println("# " + line(one));
        System.out.println("  QEMU: " + shortened(theirs.toString()));
        System.out.println("  ours: " + shortened(mine.toString()));
        System.out.println("  why:  " + (one.reason.isEmpty() ? "NOT EXPLAINED" : one.reason));
      }
    }
    System.out.printf(
        "%d cases: %d alike, %d differ for a reason, %d without%n",
        cases.size(), same, explained, cases.size() - same - explained);
    int compared = cases.size() - ofOurs;
    System.out.printf(
        "%d of %d answers to what QEMU has are alike: %.1f %%; %d more are refused for a reason%n",
        same, compared, 100.0 * same / compared, refused);
    System.exit(same + explained == cases.size() ? 0 : 1);
  }

  private static String line(Case one) {
    return shortened(one.name + " " + one.text);
  }

  private static String shortened(String text) {
    return text.length() <= WIDTH ? text : text.substring(0, WIDTH) + "...";
  }

  private static List<Case> read(Path file) throws IOException {
    List<Case> cases = new ArrayList<>();
    String reason = "";
    for (String line : Files.readAllLines(file)) {
      if (line.startsWith("! ")) {
        reason = line.substring(2);
      } else if (!line.isBlank() && !line.startsWith("#")) {
        String[] words = line.split(" ", 2);
        cases.add(new Case(reason, words[0], words.length > 1 ? words[1] : ""));
        reason = "";
      }
    }
    return cases;
  }

  /**
   * Returns a message without what no client can depend on: times, the directory of this run, the
   * numbers of QEMU's slots, and the texts that explain an option to people.
   */
  private static JsonNode normalised(String line, Path directory) throws IOException {
    String text = line.replace(directory.toString(), "DIR");
    JsonNode node = JSON.readTree(SLOT.matcher(text).replaceAll("virtio-mmio-bus.N"));
    if (node instanceof ObjectNode object) {
      object.remove("timestamp");
    }
    node.findParents("help").forEach(parent -> ((ObjectNode) parent).remove("help"));
    return node;
  }

  /** Whether a message is an error for the rest of a line that was answered with an error. */
  private static boolean isSecondError(Case one, List<JsonNode> before, JsonNode node) {
    return one.name.equals("raw")
        && !before.isEmpty()
        && before.getLast().path("error").path("desc").asText().contains("JSON parse error, stray")
        && node.path("error").path("desc").asText().equals(SECOND_ERROR);
  }

  private static boolean isRefused(List<JsonNode> answers) {
    return answers.size() == 1 && answers.getFirst().has("error");
  }

  private static boolean alike(List<JsonNode> theirs, List<JsonNode> ours) {
    boolean alike = theirs.size() == ours.size();
    for (int i = 0; alike && i < theirs.size(); i++) {
      JsonNode one = theirs.get(i);
      JsonNode other = ours.get(i);
      alike =
          one.has("error") || other.has("error")
              ? one.equals(other)
              : one.has("event") ? one.get("event").equals(other.get("event")) : covers(other, one);
    }
    return alike;
  }

  /** Whether a value has at least the members of another, with values of the same types. */
  private static boolean covers(JsonNode ours, JsonNode theirs) {
    if (ours == null || ours.getNodeType() != theirs.getNodeType()) {
      return false;
    }
    if (theirs.isObject()) {
      for (Map.Entry<String, JsonNode> member : theirs.properties()) {
        if (!covers(ours.get(member.getKey()), member.getValue())) {
          return false;
        }
      }
    }
    if (theirs.isArray()) {
      return theirs.isEmpty()
          ? ours.isEmpty()
          : !ours.isEmpty() && covers(ours.get(0), theirs.get(0));
    }
    return true;
  }

  /** A connection to one of the machines. */
  private static final class Machine implements AutoCloseable {
    private final SocketChannel socket;
    private final Path directory;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

    Machine(Path path) throws Exception {
      directory = path.toAbsolutePath().getParent();
      socket = SocketChannel.open(StandardProtocolFamily.UNIX);
      socket.connect(UnixDomainSocketAddress.of(path));
      Thread.ofVirtual().start(this::read);
      lines.take();
      send("{\"execute\": \"qmp_capabilities\"}\n");
      lines.take();
    }

    private void read() {
      try {
        BufferedReader reader =
            new BufferedReader(Channels.newReader(socket, StandardCharsets.UTF_8));
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          lines.add(line);
        }
      } catch (IOException e) {
        // The machine has ended.
      }
      lines.add("{\"end\": true}");
    }

    private void send(String text) throws IOException {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
      while (bytes.hasRemaining()) {
        socket.write(bytes);
      }
    }

    /** Returns everything that the machine sends, without what differs at each run. */
    List<JsonNode> ask(Case one) throws Exception {
      String text = one.text.replace("DIR", directory.toString());
      if (one.name.equals("raw")) {
        send(JSON.readValue(text, String.class));
      } else {
        ObjectNode request = JSON.createObjectNode().put("execute", one.name);
        if (!text.isEmpty()) {
          request.set("arguments", JSON.readTree(text));
        }
        send(request + "\n");
      }
      // QEMU reports the end of a device a while after its answer.
      long quiet = one.name.equals("device_del") ? LONG_QUIET_MILLIS : QUIET_MILLIS;
      boolean answered = false;
      List<JsonNode> all = new ArrayList<>();
      String line = lines.poll(ANSWER_SECONDS, TimeUnit.SECONDS);
      while (line != null) {
        JsonNode node = normalised(line, directory);
        if (!IGNORED.contains(node.path("event").asText()) && !isSecondError(one, all, node)) {
          all.add(node);
        }
        // Events may come a while before the answer.
        answered |= node.has("return") || node.has("error");
        line = lines.poll(answered ? quiet : WAIT_MILLIS, TimeUnit.MILLISECONDS);
      }
      return all;
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
