package org.microvm.agent;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.OptionalLong;

/**
 * The QEMU guest agent in a guest, with a typed method for each usual command.
 *
 * <p>Any thread may call. Every method waits for the agent's answer, up to the time limit of this
 * object, and throws the subclass of {@link AgentException} for the kind of failure. {@link
 * #client} sends other commands.
 */
public final class GuestAgent implements AutoCloseable {
  /** The default time limit for an answer. */
  public static final Duration DEFAULT_LIMIT = Duration.ofSeconds(30);

  /** A shutdown that is not refused within this time counts as accepted. */
  private static final Duration CONSENT = Duration.ofSeconds(5);

  /** In a busy guest without hardware virtualization a program takes many seconds. */
  private static final Duration PROGRAM = Duration.ofMinutes(2);

  private final AgentClient client;
  private final Duration limit;
  private final PieceSize pieces;

  /**
   * Uses a connection that exists.
   *
   * @param client the connection to the agent; closed with this object
   * @param limit time limit for an answer
   */
  public GuestAgent(AgentClient client, Duration limit) {
    this.client = client;
    this.limit = limit;
    pieces = new PieceSize(limit);
  }

  /**
   * Connects to the host end of the agent's channel; the agent need not run yet.
   *
   * @param socket path of the unix socket
   * @return the agent, with the time limit {@link #DEFAULT_LIMIT}
   * @throws IOException if nothing listens on the socket
   */
  public static GuestAgent connect(Path socket) throws IOException {
    return connect(socket, DEFAULT_LIMIT);
  }

  /**
   * Connects to the host end of the agent's channel, with a time limit for answers; the agent need
   * not run yet.
   *
   * @param socket path of the unix socket
   * @param limit time limit for an answer
   * @return the agent, to which nothing was sent yet
   * @throws IOException if nothing listens on the socket
   */
  public static GuestAgent connect(Path socket, Duration limit) throws IOException {
    return new GuestAgent(AgentClient.connect(socket), limit);
  }

  /** How long a program of the guest may run whose output is part of an answer of this object. */
  Duration programLimit() {
    return limit.compareTo(PROGRAM) < 0 ? PROGRAM : limit;
  }

  /** How much of a file is moved with one request. */
  PieceSize pieces() {
    return pieces;
  }

  /** {@return the connection, for commands that have no method here} */
  public AgentClient client() {
    return client;
  }

  /**
   * Waits until the agent answers, for instance while the guest boots.
   *
   * @param longest how long to wait, instead of this object's time limit
   * @throws AgentTimeoutException if it does not answer within {@code longest}
   */
  public void await(Duration longest) throws IOException {
    client.sync(longest);
  }

  /**
   * Returns if the agent answers.
   *
   * @throws AgentException if it does not
   */
  public void ping() throws IOException {
    ask("guest-ping");
  }

  /**
   * {@return the agent's version and commands}
   *
   * @throws AgentException if the agent does not answer
   */
  public AgentInfo info() throws IOException {
    return AgentInfo.of(ask("guest-info"));
  }

  /**
   * {@return the guest's kernel and operating system}
   *
   * @throws AgentException if the agent does not answer, or does not know the command
   */
  public OsInfo osInfo() throws IOException {
    return OsInfo.of(ask("guest-get-osinfo"));
  }

  /**
   * {@return the guest's host name}
   *
   * @throws AgentException if the agent does not answer, or does not know the command
   */
  public String hostName() throws IOException {
    return ask("guest-get-host-name").text("host-name");
  }

  /**
   * {@return the guest's time zone}
   *
   * @throws AgentException if the agent does not answer, or does not know the command
   */
  public TimeZoneInfo timeZone() throws IOException {
    Answer answer = ask("guest-get-timezone");
    return new TimeZoneInfo(answer.optionalText("zone"), (int) answer.number("offset"));
  }

  /**
   * {@return the time of the guest's clock, with a resolution of nanoseconds}
   *
   * @throws AgentException if the agent does not answer
   */
  public Instant time() throws IOException {
    return Instant.EPOCH.plusNanos(ask("guest-get-time").asNumber());
  }

  /**
   * Sets the guest's clock, and then its hardware clock from it.
   *
   * @param time with a resolution of nanoseconds
   * @throws AgentCommandException also in a guest without a hardware clock, whose clock is set
   */
  public void setTime(Instant time) throws IOException {
    ask(
        "guest-set-time",
        AgentClient.arguments().put("time", ChronoUnit.NANOS.between(Instant.EPOCH, time)));
  }

  /**
   * {@return the guest's network interfaces, the loopback interface included}
   *
   * @throws AgentException if the agent does not answer, or cannot list them
   */
  public List<NetworkInterface> networkInterfaces() throws IOException {
    return ask("guest-network-get-interfaces").list(NetworkInterface::of);
  }

  /**
   * {@return the guest's CPUs, also those that are offline}
   *
   * @throws AgentException if the agent does not answer, or cannot list them
   */
  public List<GuestCpu> cpus() throws IOException {
    return ask("guest-get-vcpus")
        .list(
            cpu ->
                new GuestCpu(
                    (int) cpu.number("logical-id"),
                    cpu.flag("online"),
                    cpu.optionalFlag("can-offline")));
  }

  /**
   * {@return the guest's memory blocks; none where its kernel has no memory hotplug}
   *
   * @throws AgentException if the agent does not answer, or cannot list them
   */
  public List<MemoryBlock> memoryBlocks() throws IOException {
    return ask("guest-get-memory-blocks")
        .list(
            block ->
                new MemoryBlock(
                    block.number("phys-index"),
                    block.flag("online"),
                    block.optionalFlag("can-offline")));
  }

  /**
   * {@return bytes in a memory block; empty where the guest's kernel has no memory hotplug}
   *
   * @throws AgentException if the agent does not answer, or does not know the size
   */
  public OptionalLong memoryBlockSize() throws IOException {
    try {
      return ask("guest-get-memory-block-info").optionalNumber("size");
    } catch (AgentCommandException e) {
      if (e.saysNoSuchFile()) {
        return OptionalLong.empty();
      }
      throw e;
    }
  }

  /** {@return the methods for files in the guest} */
  public GuestFiles files() {
    return new GuestFiles(this);
  }

  /** {@return the methods that run programs in the guest} */
  public GuestProcesses processes() {
    return new GuestProcesses(this);
  }

  /** {@return the methods for the guest's file systems and disks} */
  public GuestFilesystems filesystems() {
    return new GuestFilesystems(this);
  }

  /**
   * Freezes the guest's file systems, as {@link GuestFilesystems#freeze()}.
   *
   * @return the frozen file systems; closing it thaws them
   * @throws AgentException if one cannot be frozen, or the agent does not answer
   */
  public Freeze freeze() throws IOException {
    return filesystems().freeze();
  }

  /**
   * Freezes some of the guest's file systems, as {@link GuestFilesystems#freeze(List)}.
   *
   * @param mountPoints absolute paths in the guest
   * @return the frozen file systems; closing it thaws them
   * @throws AgentException if one cannot be frozen, or the agent does not answer
   */
  public Freeze freeze(List<String> mountPoints) throws IOException {
    return filesystems().freeze(mountPoints);
  }

  /** {@return the methods for the guest's users} */
  public GuestUsers users() {
    return new GuestUsers(this);
  }

  /**
   * Shuts the guest down; returns once the agent has accepted the command or stopped answering.
   *
   * @param mode whether the guest powers off, reboots or halts
   * @throws AgentCommandException if the guest refuses
   * @throws AgentException if no agent answers within the time limit
   */
  public void shutdown(ShutdownMode mode) throws IOException {
    client.sendAndConfirm(
        "guest-shutdown",
        AgentClient.arguments().put("mode", mode.word()),
        limit,
        limit.compareTo(CONSENT) < 0 ? limit : CONSENT);
  }

  /**
   * Suspends the guest; returns once the agent has accepted the command, or has not answered within
   * the time limit. That takes as long because an agent tries several programs before it refuses.
   *
   * @param mode where the guest's memory is kept
   * @throws UnsupportedCommandException if the guest's kernel does not support this mode
   * @throws AgentException if no agent answers within the time limit
   */
  public void suspend(SuspendMode mode) throws IOException {
    client.sendAndConfirm(mode.command(), null, limit, limit);
  }

  Answer ask(String command) throws IOException {
    return ask(command, null);
  }

  Answer ask(String command, JsonNode arguments) throws IOException {
    return new Answer(command, client.call(command, arguments, limit));
  }

  @Override
  public void close() throws IOException {
    client.close();
  }
}
