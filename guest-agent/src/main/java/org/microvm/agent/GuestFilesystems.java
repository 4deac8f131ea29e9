package org.microvm.agent;

import java.io.IOException;
import java.util.List;

/** The guest's file systems and disks. */
public final class GuestFilesystems {
  private final GuestAgent agent;

  GuestFilesystems(GuestAgent agent) {
    this.agent = agent;
  }

  /**
   * {@return the mounted file systems that are on a disk}
   *
   * @throws AgentException if the agent does not answer, or cannot list them
   */
  public List<Filesystem> list() throws IOException {
    return agent.ask("guest-get-fsinfo").list(Filesystem::of);
  }

  /**
   * {@return the disks and their partitions}
   *
   * @throws AgentException if the agent does not answer, or cannot list them
   */
  public List<GuestDisk> disks() throws IOException {
    return agent.ask("guest-get-disks").list(GuestDisk::of);
  }

  /**
   * {@return whether the file systems are frozen}
   *
   * @throws AgentException if the agent does not answer, or does not know the command
   */
  public FreezeStatus freezeStatus() throws IOException {
    String status = agent.ask("guest-fsfreeze-status").asText();
    return switch (status) {
      case "thawed" -> FreezeStatus.THAWED;
      case "frozen" -> FreezeStatus.FROZEN;
      default -> throw new AgentProtocolException("guest-fsfreeze-status: '" + status + "'");
    };
  }

  /**
   * Freezes all file systems that support it. If the agent does not answer in time, they are thawed
   * before this throws.
   *
   * @return the frozen file systems; closing it thaws them
   * @throws AgentException if one cannot be frozen, or the agent does not answer; the message says
   *     whether file systems may be frozen
   */
  public Freeze freeze() throws IOException {
    return new Freeze(this, (int) agent.ask("guest-fsfreeze-freeze").asNumber());
  }

  /**
   * Freezes the file systems that are mounted at these mount points, as {@link #freeze()}.
   *
   * @param mountPoints absolute paths in the guest; others are ignored
   * @return the frozen file systems; closing it thaws them
   * @throws AgentException if one cannot be frozen, or the agent does not answer
   */
  public Freeze freeze(List<String> mountPoints) throws IOException {
    var arguments = AgentClient.arguments();
    mountPoints.forEach(arguments.putArray("mountpoints")::add);
    return new Freeze(this, (int) agent.ask("guest-fsfreeze-freeze-list", arguments).asNumber());
  }

  /**
   * Thaws all frozen file systems.
   *
   * @return the number of file systems
   * @throws AgentException if one cannot be thawed, or the agent does not answer
   */
  public int thaw() throws IOException {
    return (int) agent.ask("guest-fsfreeze-thaw").asNumber();
  }
}
