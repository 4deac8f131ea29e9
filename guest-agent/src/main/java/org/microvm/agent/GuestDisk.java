package org.microvm.agent;

import java.util.List;

/**
 * A disk or partition of the guest.
 *
 * @param device such as {@code /dev/vda}
 * @param partition whether it is part of another disk
 * @param dependencies the devices that it consists of
 */
public record GuestDisk(String device, boolean partition, List<String> dependencies) {
  static GuestDisk of(Answer answer) throws AgentProtocolException {
    return new GuestDisk(
        answer.text("name"), answer.flag("partition"), answer.texts("dependencies"));
  }
}
