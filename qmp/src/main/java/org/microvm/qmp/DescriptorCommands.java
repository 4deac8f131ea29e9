package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.linux.PassedDescriptor;

/**
 * The commands that receive descriptors from a client, together with the command's bytes, and that
 * close them.
 */
final class DescriptorCommands {
  /** The most descriptors that clients may leave with the machine. */
  private static final int MAX = 64;

  private static final String NOT_FOUND = "File descriptor named '%s' has not been found";

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /**
   * A descriptor of a set.
   *
   * @param number what clients call it; QEMU uses the number of the descriptor
   * @param fd the descriptor
   * @param opaque what the client says about it, or null
   */
  private record Member(long number, Fd fd, String opaque) {}

  private final Map<String, Fd> named = new TreeMap<>();
  private final Map<Long, List<Member>> sets = new TreeMap<>();
  private long lastNumber;

  void addTo(QmpCommands commands) {
    commands.add("getfd", this::get);
    commands.add("closefd", this::close);
    commands.add("add-fd", this::add);
    commands.add("remove-fd", this::remove);
    commands.add("query-fdsets", this::query);
  }

  private Fd received(QmpArguments arguments) throws QmpException {
    if (count() >= MAX) {
      throw QmpException.generic("there are %d descriptors already; close one first", MAX);
    }
    Fd fd = arguments.descriptor();
    if (fd == null) {
      throw QmpException.generic("No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
  }

  private int count() {
    return named.size() + sets.values().stream().mapToInt(List::size).sum();
  }

  private JsonNode get(QmpArguments arguments) throws QmpException {
    String name = arguments.text("fdname");
    arguments.finish();
    Fd fd = received(arguments);
    if (name.isEmpty() || Character.isDigit(name.charAt(0))) {
      fd.close();
      throw QmpException.generic("Parameter 'fdname' expects a name not starting with a digit");
    }
    Fd old = named.put(name, fd);
    if (old != null) {
      old.close();
    }
    return null;
  }

  private JsonNode close(QmpArguments arguments) throws QmpException {
    String name = arguments.text("fdname");
    arguments.finish();
    Fd fd = named.remove(name);
    if (fd == null) {
      throw QmpException.generic("File descriptor named '%s' not found", name);
    }
    fd.close();
    return null;
  }

  private JsonNode add(QmpArguments arguments) throws QmpException {
    Optional<Long> wanted = arguments.optionalNumber("fdset-id");
    Optional<String> opaque = arguments.optionalText("opaque");
    arguments.finish();
    Fd fd = received(arguments);
    if (wanted.orElse(0L) < 0) {
      fd.close();
      throw QmpException.generic("Parameter 'fdset-id' expects a non-negative value");
    }
    long id = wanted.orElseGet(this::free);
    Member member = new Member(++lastNumber, fd, opaque.orElse(null));
    sets.computeIfAbsent(id, key -> new ArrayList<>()).add(member);
    return NODES.objectNode().put("fdset-id", id).put("fd", member.number());
  }

  private long free() {
    long id = 0;
    while (sets.containsKey(id)) {
      id++;
    }
    return id;
  }

  private JsonNode remove(QmpArguments arguments) throws QmpException {
    long id = arguments.number("fdset-id");
    Optional<Long> which = arguments.optionalNumber("fd");
    arguments.finish();
    List<Member> set = sets.getOrDefault(id, List.of());
    List<Member> chosen =
        set.stream().filter(m -> which.isEmpty() || which.get() == m.number()).toList();
    if (chosen.isEmpty()) {
      String name = "fdset-id:" + id + which.map(fd -> ", fd:" + fd).orElse("");
      throw QmpException.generic("File descriptor named '%s' not found", name);
    }
    for (Member member : chosen) {
      set.remove(member);
      member.fd().close();
    }
    if (set.isEmpty()) {
      sets.remove(id);
    }
    return null;
  }

  private JsonNode query(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode result = NODES.arrayNode();
    sets.forEach(
        (id, members) -> {
          ArrayNode list = result.addObject().put("fdset-id", id).putArray("fds");
          for (Member member : members) {
            ObjectNode node = list.addObject().put("fd", member.number());
            if (member.opaque() != null) {
              node.put("opaque", member.opaque());
            }
          }
        });
    return result;
  }

  /**
   * Removes a descriptor from the names and returns it.
   *
   * @throws QmpException if there is none of that name
   */
  Fd take(String name) throws QmpException {
    Fd fd = named.remove(name);
    if (fd == null) {
      throw QmpException.generic(NOT_FOUND, name);
    }
    return fd;
  }

  /** Removes a socket from the names and returns it, for a chardev. */
  Fd socket(String name, boolean listening) throws IOException {
    Fd fd = named.remove(name);
    if (fd == null) {
      throw new IOException(NOT_FOUND.formatted(name));
    }
    return PassedDescriptor.check(fd, listening);
  }

  /** Opens another descriptor for the file of a set, which stays there. */
  Fd file(long id) throws ErrnoException {
    List<Member> set = sets.getOrDefault(id, List.of());
    if (set.isEmpty()) {
      throw new ErrnoException("open /dev/fdset/" + id, Errno.ENOENT, "the set is empty");
    }
    return set.getFirst().fd().duplicate();
  }

  /** Closes all descriptors. */
  void close() {
    named.values().forEach(Fd::close);
    sets.values().forEach(set -> set.forEach(member -> member.fd().close()));
    named.clear();
    sets.clear();
  }
}
