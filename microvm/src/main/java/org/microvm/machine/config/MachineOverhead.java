package org.microvm.machine.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.microvm.virtioserial.Buffering;

/**
 * The resources that a machine may use besides guest RAM, computed from its configuration. The
 * guest cannot make the process use more: it cannot create descriptors or threads, and bytes that
 * are kept for absent host programs and closed ports have a limit for all ports together.
 *
 * <p>A program that starts a JVM for one machine gives it {@code -Xmx} of {@link #jvmBytes}, as
 * {@code bin/microvm} does. A JVM with several machines needs the sum of their {@link #nativeBytes}
 * and {@link #heapBytes}, and {@link #INPUT_BYTES} once.
 *
 * @param descriptors open files: events of queues and interrupts, host ends of channels, disks, KVM
 * @param threads threads of the machine itself, without those of the JVM
 * @param keptBytes what all ports together keep for absent host programs and closed ports, in
 *     bytes: the sum of the ports' limits, with the default limits for ports that are not
 *     configured, but at most {@link Buffering#MAX_LIMIT}
 * @param nativeBytes memory outside the heap for kept bytes, in bytes: three times what the ports
 *     may keep, because a ring that grows needs its old memory too until the collector has run
 * @param heapBytes Java heap for the objects of the machine, in bytes
 * @param guestBytes guest RAM, in bytes
 */
public record MachineOverhead(
    int descriptors,
    int threads,
    long keptBytes,
    long nativeBytes,
    long heapBytes,
    long guestBytes) {
  /**
   * Memory for what is read while a machine starts, or when it is saved and moves: a compressed
   * kernel and its contents, the dictionary of xz, a saved state and its fields. The input's own
   * limits decide how much that is, not the machine's configuration.
   */
  public static final long INPUT_BYTES = 208L << 20;

  /** KVM, the VM, RAM, register pages, the event loop, the UART, power events, entropy. */
  private static final int BASE_DESCRIPTORS = 24;

  /** A vCPU and its statistics. */
  private static final int VCPU_DESCRIPTORS = 2;

  /** Interrupt, acknowledgements, queue and image of a disk, or queue and source of entropy. */
  private static final int DEVICE_DESCRIPTORS = 4;

  /** A listening socket and a connection, or two files. */
  private static final int CHANNEL_DESCRIPTORS = 2;

  /** Event loop, console output, end of the machine, control socket, migration, snapshot. */
  private static final int BASE_THREADS = 8;

  /** The bytes that each ring may keep even if the limit for all ports is used up. */
  private static final long RING_BYTES = 4096;

  /** A ring's memory, and that of the ring before it grew, perhaps twice. */
  private static final long GROWTH = 3;

  /** The classes, and what every machine has. */
  private static final long BASE_HEAP = 24L << 20;

  /** A port with its queues and a connection; measured are 22 KiB, with what is not heap. */
  private static final long PORT_HEAP = 32L << 10;

  /** A disk with its queue and buffers. */
  private static final long DISK_HEAP = 256L << 10;

  /** What the rest of a process needs: standard streams, jars, a control socket with clients. */
  private static final int OTHER_DESCRIPTORS = 96;

  /** Most systems allow a process at least 1024 open files, so fewer are not checked. */
  private static final int FEW_DESCRIPTORS = 512;

  /** The JVM with its code and stacks, and the part of the heap that is in use. */
  private static final long JVM_BYTES = 160L << 20;

  private static final Path LIMITS = Path.of("/proc/self/limits");
  private static final Pattern OPEN_FILES = Pattern.compile("(?m)^Max open files +(\\d+) ");

  /**
   * Computes what a machine may use.
   *
   * @param config the machine's configuration
   * @return an upper bound
   */
  public static MachineOverhead of(MachineConfig config) {
    int ports = config.serial().maxPorts();
    int queues = 2 * ports + 2;
    int devices = config.disks().size() + 2;
    long keptBytes = keptBytes(config);
    return new MachineOverhead(
        BASE_DESCRIPTORS
            + VCPU_DESCRIPTORS * config.cpus()
            + DEVICE_DESCRIPTORS * devices
            + queues
            + CHANNEL_DESCRIPTORS * ports,
        BASE_THREADS + config.cpus() + config.disks().size(),
        keptBytes,
        GROWTH * (keptBytes + RING_BYTES * 2 * ports),
        BASE_HEAP + PORT_HEAP * ports + DISK_HEAP * config.disks().size(),
        config.memoryBytes());
  }

  /** A port that may be added later has the default limits. */
  private static long keptBytes(MachineConfig config) {
    int later = Math.max(0, config.serial().maxPorts() - config.channels().size());
    long all = 2L * Buffering.DEFAULT_LIMIT * later;
    for (ChannelConfig channel : config.channels()) {
      all += (long) channel.port().byteLimit() + channel.port().guestByteLimit();
    }
    return Math.min(all, Buffering.MAX_LIMIT);
  }

  /**
   * {@return the limit to give to a JVM that runs this machine alone ({@code -Xmx}), in bytes; it
   * is the limit of the heap, and the JVM makes it that of the memory outside the heap too}
   */
  public long jvmBytes() {
    return INPUT_BYTES + Math.max(nativeBytes, heapBytes);
  }

  /** {@return the memory that the process may need, guest RAM included, in bytes} */
  public long memoryBytes() {
    return guestBytes + nativeBytes + JVM_BYTES;
  }

  /**
   * Checks that this process may open as many files as the machine needs, so that no host program
   * is refused later because they are used up, and use as much memory, so that the kernel does not
   * kill it later, and that the JVM may have the heap.
   *
   * @throws MachineException if it may not; the message says what to do
   */
  public void check() throws MachineException {
    check(ProcessMemory.ofProcess());
    checkHeap(Runtime.getRuntime().maxMemory());
    if (descriptors > FEW_DESCRIPTORS) {
      check(openFilesLimit());
    }
  }

  /** Checks a limit of open files. */
  void check(long limit) throws MachineException {
    int needed = descriptors + OTHER_DESCRIPTORS;
    if (needed > limit) {
      throw new MachineException(
          "the machine needs up to %d open files, and this process may have %d: raise the limit"
                  .formatted(needed, limit)
              + " (ulimit -n), or lower max_ports");
    }
  }

  /** Checks a limit of the heap; the ports adapt what they keep to the limit outside the heap. */
  void checkHeap(long limit) throws MachineException {
    if (heapBytes > limit) {
      throw new MachineException(
          "the machine needs up to %d MiB of Java heap, and this JVM may have %d MiB: start it with"
                  .formatted(mebibytes(heapBytes), limit >> 20)
              + " -Xmx%dm".formatted(mebibytes(jvmBytes())));
    }
  }

  private static long mebibytes(long bytes) {
    return (bytes + (1 << 20) - 1) >> 20;
  }

  /** Checks a limit of memory. */
  void check(ProcessMemory limit) throws MachineException {
    if (memoryBytes() > limit.bytes()) {
      throw new MachineException(
          "the machine needs up to %d MiB of memory: %d MiB of guest RAM and %d MiB of overhead; %s"
                  .formatted(
                      memoryBytes() >> 20,
                      guestBytes >> 20,
                      nativeBytes + JVM_BYTES >> 20,
                      limit.origin())
              + " leaves this process %d MiB".formatted(limit.bytes() >> 20));
    }
  }

  private static long openFilesLimit() {
    try {
      Matcher matcher = OPEN_FILES.matcher(Files.readString(LIMITS));
      return matcher.find() ? Long.parseLong(matcher.group(1)) : Long.MAX_VALUE;
    } catch (IOException e) {
      return Long.MAX_VALUE; // without /proc, opening a file fails when the limit is reached
    }
  }
}
