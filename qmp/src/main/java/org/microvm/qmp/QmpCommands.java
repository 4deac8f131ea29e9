package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** The table of commands by name; it implements those of the protocol itself. */
final class QmpCommands {
  /** The command that every session begins with. */
  static final String NEGOTIATE = "qmp_capabilities";

  /** The capability of commands that overtake others. */
  static final String OUT_OF_BAND = "oob";

  /** The only command that can be run out of band: this program lacks QEMU's others. */
  static final String YANK = "yank";

  private final Map<String, SlowCommand> commands = new TreeMap<>();
  private final Set<String> outOfBand = new HashSet<>();
  private final Set<String> changesOfPorts = new HashSet<>();
  private final String productVersion;
  private boolean readOnly;
  private long failures;

  /** Supplies a future that completes when ports can be changed without a wait. */
  private Supplier<CompletableFuture<Void>> changeable =
      () -> CompletableFuture.completedFuture(null);

  /** Which commands are served now. */
  private Predicate<String> served = name -> true;

  /**
   * @param productVersion version of this program, such as 0.1.0; or the version to report to
   *     clients, a space, and the package
   */
  QmpCommands(String productVersion) {
    this.productVersion = productVersion;
    add(NEGOTIATE, QmpCommands::negotiate);
    add("query-version", this::queryVersion);
    add("query-commands", this::names);
  }

  /** Sets which commands are served; the others are refused, because the guest is absent. */
  void serve(Predicate<String> names) {
    served = names;
  }

  void add(String name, QmpCommand command) {
    addSlow(name, arguments -> CompletableFuture.completedFuture(command.run(arguments)));
  }

  /** Adds a command that may wait; the other clients do not wait for it. */
  void addSlow(String name, SlowCommand command) {
    commands.put(name, command);
  }

  /** Adds a command that may also be run out of band. */
  void addOutOfBand(String name, SlowCommand command) {
    addSlow(name, command);
    outOfBand.add(name);
  }

  /**
   * Marks a command that changes ports, which is not possible while a snapshot or a migration stops
   * the machine.
   */
  void changesPorts(String name) {
    changesOfPorts.add(name);
  }

  /** Sets what supplies a future that completes when ports can be changed without a wait. */
  void portsAreChangeable(Supplier<CompletableFuture<Void>> when) {
    changeable = when;
  }

  /** Returns a future that completes when a command can be run without a long wait. */
  CompletableFuture<Void> ready(QmpRequest request) {
    return changesOfPorts.contains(request.name()) && served.test(request.name())
        ? changeable.get()
        : CompletableFuture.completedFuture(null);
  }

  /**
   * Returns the commands that change nothing, for clients that may only observe: those with {@code
   * query-} in their names, and the statistics. Call it after all commands were added.
   */
  QmpCommands reading() {
    QmpCommands some = new QmpCommands(productVersion);
    some.readOnly = true;
    some.served = name -> served.test(name);
    commands.forEach(
        (name, command) -> {
          if (isQuery(name)) {
            some.commands.putIfAbsent(name, command);
          }
        });
    return some;
  }

  private static boolean isQuery(String name) {
    return name.startsWith("query-") || name.startsWith("x-query-") || name.equals("x-exit-stats");
  }

  /**
   * Runs a command, on the control socket's event loop.
   *
   * @return completes on that loop, and at once for most commands: with the value of {@code return}
   *     in the reply, or exceptionally with a {@link QmpException}
   * @throws QmpException if there is no such command, or it is refused, or fails at once
   */
  CompletableFuture<JsonNode> run(QmpRequest request) throws QmpException {
    SlowCommand command = commands.get(request.name());
    if (command == null) {
      throw new QmpException(
          QmpException.COMMAND_NOT_FOUND,
          (readOnly
                  ? "The command %s is not allowed on a read-only control socket"
                  : "The command %s has not been found")
              .formatted(request.name()));
    }
    if (request.outOfBand() && !outOfBand.contains(request.name())) {
      throw QmpException.generic("The command %s does not support OOB", request.name());
    }
    if (!served.test(request.name())) {
      throw QmpException.of(AwaitedGuest.absent());
    }
    if (!ready(request).isDone()) {
      // A wait here would keep the other clients waiting.
      throw QmpException.generic(
          "ports cannot be changed while a snapshot or a migration stops the machine");
    }
    QmpArguments arguments = new QmpArguments(request.arguments(), request.descriptors());
    return command
        .begin(arguments)
        .thenApply(result -> result == null ? JsonNodeFactory.instance.objectNode() : result);
  }

  /**
   * Counts a failure that is a bug of this program, and decides whether it is logged: the first,
   * the second, the fourth and so on, so that a client cannot fill the log's disk.
   */
  boolean isFailureLogged() {
    failures++;
    return Long.bitCount(failures) == 1;
  }

  /** The greeting, which a client receives first. */
  ObjectNode greeting() {
    ObjectNode greeting = JsonNodeFactory.instance.objectNode();
    ObjectNode qmp = greeting.putObject("QMP");
    qmp.set("version", version());
    qmp.putArray("capabilities").add(OUT_OF_BAND);
    return greeting;
  }

  private static JsonNode negotiate(QmpArguments arguments) throws QmpException {
    Optional<ArrayNode> wanted = arguments.optionalList("enable");
    arguments.finish();
    for (JsonNode capability : wanted.orElseGet(JsonNodeFactory.instance::arrayNode)) {
      if (!capability.isTextual()) {
        throw QmpException.generic("Invalid parameter type for 'enable', expected: string");
      }
      if (!capability.textValue().equals(OUT_OF_BAND)) {
        throw QmpException.generic(
            "Parameter 'enable' does not accept value '%s'", capability.textValue());
      }
    }
    return null;
  }

  private JsonNode queryVersion(QmpArguments arguments) throws QmpException {
    arguments.finish();
    return version();
  }

  /** The version of this program, in the member {@code qemu}: QMP has no other place for it. */
  private ObjectNode version() {
    ObjectNode version = JsonNodeFactory.instance.objectNode();
    String[] parts = productVersion.replaceAll("[^0-9.].*", "").split("\\.", -1);
    ObjectNode numbers = version.putObject("qemu");
    numbers.put("major", number(parts, 0));
    numbers.put("minor", number(parts, 1));
    numbers.put("micro", number(parts, 2));
    int space = productVersion.indexOf(' ');
    version.put(
        "package", space < 0 ? "microvm " + productVersion : productVersion.substring(space + 1));
    return version;
  }

  private static int number(String[] parts, int index) {
    return index < parts.length && !parts[index].isEmpty() ? Integer.parseInt(parts[index]) : 0;
  }

  private JsonNode names(QmpArguments arguments) throws QmpException {
    arguments.finish();
    ArrayNode names = JsonNodeFactory.instance.arrayNode();
    commands.keySet().forEach(name -> names.addObject().put("name", name));
    return names;
  }
}
