package org.microvm.agent;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A mounted file system of the guest that is on a disk.
 *
 * @param device such as {@code vda}
 * @param mountPoint where it is mounted
 * @param type such as {@code ext2}
 * @param usedBytes bytes in use
 * @param totalBytes its size
 * @param disks device files of its disks; empty for a disk whose device file the agent does not
 *     know
 */
public record Filesystem(
    String device,
    String mountPoint,
    String type,
    OptionalLong usedBytes,
    OptionalLong totalBytes,
    List<Optional<String>> disks) {
  static Filesystem of(Answer answer) throws AgentProtocolException {
    return new Filesystem(
        answer.text("name"),
        answer.text("mountpoint"),
        answer.text("type"),
        answer.optionalNumber("used-bytes"),
        answer.optionalNumber("total-bytes"),
        answer.optionalList("disk", disk -> disk.optionalText("dev")));
  }
}
