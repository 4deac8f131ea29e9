package org.microvm.machine.config;

import java.util.ArrayList;
import java.util.List;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/**
 * How the vCPUs of a machine are grouped: threads share a core, cores share a socket.
 *
 * <p>vCPUs are numbered thread by thread, core by core, socket by socket. A local APIC ID has a bit
 * field for each level, wide enough for its count (Intel SDM volume 3, "Hierarchical Mapping of
 * Shared Resources"; AMD APM volume 3, CPUID 0x80000008 ECX). So the IDs have gaps where a count is
 * not a power of two.
 *
 * @param sockets the number of sockets
 * @param cores the number of cores in each socket
 * @param threads the number of threads in each core
 */
public record Topology(int sockets, int cores, int threads) {
  /** The highest local APIC ID: 255 is the broadcast ID, and the I/O APIC has the one before it. */
  public static final int APIC_ID_MAX = 253;

  /** The largest count at a level, small enough that no product overflows. */
  private static final int MAX = APIC_ID_MAX + 1;

  /**
   * Checks the counts.
   *
   * @throws IllegalArgumentException if a count is not positive, or there are too many vCPUs for
   *     local APIC IDs of 8 bits; the message is for the user
   */
  public Topology {
    if (!fits(sockets) || !fits(cores) || !fits(threads)) {
      throw new IllegalArgumentException(
          "%s: each count must be 1 to %d".formatted(text(sockets, cores, threads), MAX));
    }
    int threadBits = bits(threads);
    int socketShift = threadBits + bits(cores);
    int last = sockets - 1 << socketShift | cores - 1 << threadBits | threads - 1;
    if (last > APIC_ID_MAX) {
      throw new IllegalArgumentException(
          "%s: the last vCPU would have local APIC ID %d, the highest possible is %d"
              .formatted(text(sockets, cores, threads), last, APIC_ID_MAX));
    }
  }

  /**
   * Written out, because the JVM would generate it at the first call, which takes 6 ms of each
   * restore.
   */
  @Override
  public boolean equals(Object other) {
    return other instanceof Topology that
        && sockets == that.sockets
        && cores == that.cores
        && threads == that.threads;
  }

  @Override
  public int hashCode() {
    return (sockets * 31 + cores) * 31 + threads;
  }

  private static boolean fits(int count) {
    return count >= 1 && count <= MAX;
  }

  private static String text(int sockets, int cores, int threads) {
    return "sockets=%d,cores=%d,threads=%d".formatted(sockets, cores, threads);
  }

  /**
   * Describes one socket with a number of cores that have one thread each.
   *
   * @param cpus the number of vCPUs
   * @return the grouping of that number of vCPUs
   * @throws IllegalArgumentException if the number is not possible; the message is for the user
   */
  public static Topology ofCores(int cpus) {
    if (!fits(cpus)) {
      throw new IllegalArgumentException(
          "%d vCPUs requested; 1 to %d are possible".formatted(cpus, MAX));
    }
    return new Topology(1, cpus, 1);
  }

  /** The number of bits that count values need; 0 for one value. */
  private static int bits(int values) {
    return Integer.SIZE - Integer.numberOfLeadingZeros(values - 1);
  }

  /** {@return the number of vCPUs} */
  public int cpus() {
    return sockets * cores * threads;
  }

  /** {@return the number of vCPUs in each socket} */
  public int cpusPerSocket() {
    return cores * threads;
  }

  /** {@return the width in bits of the thread's number in a local APIC ID} */
  public int threadBits() {
    return bits(threads);
  }

  /** {@return the width in bits of the numbers of core and thread in a local APIC ID} */
  public int socketShift() {
    return bits(threads) + bits(cores);
  }

  /**
   * Returns the local APIC ID of a vCPU.
   *
   * @param vcpu the vCPU's number, from 0
   * @return its ID, in which socket, core and thread have bits of their own
   */
  public int apicId(int vcpu) {
    int thread = vcpu % threads;
    int core = vcpu / threads % cores;
    int socket = vcpu / cpusPerSocket();
    return socket << socketShift() | core << threadBits() | thread;
  }

  /** {@return the local APIC IDs of all vCPUs, in the order of their numbers} */
  public List<Integer> apicIds() {
    // No stream: this is on the way to the guest's first instruction.
    List<Integer> ids = new ArrayList<>();
    for (int vcpu = 0; vcpu < cpus(); vcpu++) {
      ids.add(apicId(vcpu));
    }
    return ids;
  }

  /** {@return whether this is what {@link #ofCores} returns} */
  public boolean isCoresOnly() {
    return sockets == 1 && threads == 1;
  }

  /**
   * Writes the counts for another process.
   *
   * @param output gets six bytes
   */
  public void write(StateOutput output) {
    output.putShort(sockets).putShort(cores).putShort(threads);
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @param input is advanced by six bytes
   * @return the grouping
   * @throws StateException if the counts are not possible
   */
  public static Topology read(StateInput input) throws StateException {
    int sockets = input.getShort();
    int cores = input.getShort();
    int threads = input.getShort();
    try {
      return new Topology(sockets, cores, threads);
    } catch (IllegalArgumentException e) {
      throw input.damaged(e.getMessage());
    }
  }

  /** The text as in the option {@code --cpus}. */
  @Override
  public String toString() {
    return text(sockets, cores, threads);
  }
}
