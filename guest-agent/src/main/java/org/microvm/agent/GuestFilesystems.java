package org.microvm.agent;

import java.io.IOException;
import java.util.List;

/** The guest's file systems and disks. */
public final class GuestFilesystems {
  private final GuestAgent agent;

  GuestFilesystems(GuestAgent agent) {
    this.agent = agent;
  }

  /** Those that are mounted and on a disk. */
  public List<Filesystem> list() throws IOException {
    return agent.ask("guest-get-fsinfo").list(Filesystem::of);
  }

  /** The disks and their partitions. */
  public List<GuestDisk> disks() throws IOException {
    return agent.ask("guest-get-disks").list(GuestDisk::of);
  }

  /** Whether they are frozen. */
  public FreezeStatus freezeStatus() throws IOException {
    String status = agent.ask("guest-fsfreeze-status").asText();
    return switch (status) {
      case "thawed" -> FreezeStatus.THAWED;
      case "frozen" -> FreezeStatus.FROZEN;
      default -> throw new AgentProtocolException("guest-fsfreeze-status: '" + status + "'");
    };
  }

  /**
   * Freezes all that can be; until {@link #thaw} the agent obeys few other commands.
   *
   * @return how many
   */
  public int freeze() throws IOException {
    return (int) agent.ask("guest-fsfreeze-freeze").asNumber();
  }

  /**
   * Freezes those mounted there.
   *
   * @return how many
   */
  public int freeze(List<String> mountPoints) throws IOException {
    var arguments = AgentClient.arguments();
    mountPoints.forEach(arguments.putArray("mountpoints")::add);
    return (int) agent.ask("guest-fsfreeze-freeze-list", arguments).asNumber();
  }

  /**
   * Thaws all.
   *
   * @return how many
   */
  public int thaw() throws IOException {
    return (int) agent.ask("guest-fsfreeze-thaw").asNumber();
  }
}
