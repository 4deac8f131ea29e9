package org.microvm.fencing;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which guest may fence which machines. What is not allowed is denied.
 *
 * @param allowed the machines that a guest may fence, by the guest's name
 */
public record FencePolicy(Map<String, Set<String>> allowed) {
  /**
   * Copies the sets.
   *
   * @throws NullPointerException if a name or a set is null
   */
  public FencePolicy {
    Map<String, Set<String>> copy = new HashMap<>();
    allowed.forEach((guest, machines) -> copy.put(guest, Set.copyOf(machines)));
    allowed = Map.copyOf(copy);
  }

  /**
   * {@return whether a guest may fence a machine}
   *
   * @param guest the guest that asks
   * @param machine the machine to be fenced
   */
  public boolean allows(String guest, String machine) {
    return allowed.getOrDefault(guest, Set.of()).contains(machine);
  }

  /**
   * {@return the machines that a guest may fence, by name}
   *
   * @param guest the guest that asks
   */
  public List<String> machinesOf(String guest) {
    return List.copyOf(new TreeSet<>(allowed.getOrDefault(guest, Set.of())));
  }
}
