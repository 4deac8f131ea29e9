package org.microvm.machine.config;

import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.microvm.virtioserial.SerialConfig;

/**
 * What a machine is made of; made with {@link #builder}.
 *
 * @param kernel ELF vmlinux, bzImage or bare-metal ELF
 * @param initrd initial RAM disk
 * @param commandLine kernel command line; the machine appends a word for each virtio-mmio device
 * @param memoryBytes guest RAM in bytes, a multiple of 4096
 * @param cpus number of vCPUs
 * @param disks virtio-blk devices, the first is vda
 * @param serial what is fixed about the virtio-serial device
 * @param channels the channels that are there at power-on
 * @param console where the UART's output goes
 * @param onReset what the guest's reset request does
 * @param mappedRegisters whether the guest reads virtio registers from memory and acknowledges
 *     interrupts without an exit, where KVM can do that; off, each access is an exit
 * @param trackDirtyPages whether it is kept in mind which pages were written since the last
 *     snapshot, for {@code Machine.snapshotDiff}; the guest's first write to a page is slower then
 * @param words the words of a command line that say all this, if there was one; they are kept in a
 *     snapshot
 */
public record MachineConfig(
    Path kernel,
    Optional<Path> initrd,
    String commandLine,
    long memoryBytes,
    int cpus,
    List<DiskConfig> disks,
    SerialConfig serial,
    List<ChannelConfig> channels,
    OutputStream console,
    OnReset onReset,
    boolean mappedRegisters,
    boolean trackDirtyPages,
    List<String> words) {

  /** A machine with one vCPU, 128 MiB, no devices but the console, whose output is dropped. */
  public static Builder builder(Path kernel) {
    return new Builder(kernel);
  }

  /** Collects the parts; not thread-safe. */
  public static final class Builder {
    private final Path kernel;
    private final List<DiskConfig> disks = new ArrayList<>();
    private final List<ChannelConfig> channels = new ArrayList<>();
    private Optional<Path> initrd = Optional.empty();
    private String commandLine = "";
    private long memoryBytes = 128L << 20;
    private int cpus = 1;
    private SerialConfig serial = SerialConfig.defaults();
    private OutputStream console = OutputStream.nullOutputStream();
    private OnReset onReset = OnReset.EXIT;
    private boolean mappedRegisters = true;
    private boolean trackDirtyPages;
    private List<String> words = List.of();

    private Builder(Path kernel) {
      this.kernel = Objects.requireNonNull(kernel);
    }

    /** Initial RAM disk. */
    public Builder initrd(Path file) {
      initrd = Optional.of(file);
      return this;
    }

    /** Kernel command line. */
    public Builder commandLine(String text) {
      commandLine = Objects.requireNonNull(text);
      return this;
    }

    /** Guest RAM in bytes. */
    public Builder memory(long bytes) {
      memoryBytes = bytes;
      return this;
    }

    /** Number of vCPUs. */
    public Builder cpus(int count) {
      cpus = count;
      return this;
    }

    /** Adds a virtio-blk device. */
    public Builder disk(DiskConfig disk) {
      disks.add(disk);
      return this;
    }

    /** What is fixed about the virtio-serial device, such as how many ports it can have. */
    public Builder serial(SerialConfig config) {
      serial = Objects.requireNonNull(config);
      return this;
    }

    /** Adds a channel. */
    public Builder channel(ChannelConfig channel) {
      channels.add(channel);
      return this;
    }

    /** Where the UART's output goes; the machine flushes it and does not close it. */
    public Builder console(OutputStream stream) {
      console = Objects.requireNonNull(stream);
      return this;
    }

    /** What the guest's reset request does. */
    public Builder onReset(OnReset action) {
      onReset = Objects.requireNonNull(action);
      return this;
    }

    /** Whether virtio registers are read from memory, where KVM can do that. */
    public Builder mappedRegisters(boolean on) {
      mappedRegisters = on;
      return this;
    }

    /** Whether there are to be diff snapshots. */
    public Builder trackDirtyPages(boolean on) {
      trackDirtyPages = on;
      return this;
    }

    /** The command line that the configuration comes from, for snapshots. */
    public Builder words(List<String> commandLineWords) {
      words = List.copyOf(commandLineWords);
      return this;
    }

    /** The configuration as it is now. */
    public MachineConfig build() {
      return new MachineConfig(
          kernel,
          initrd,
          commandLine,
          memoryBytes,
          cpus,
          List.copyOf(disks),
          serial,
          List.copyOf(channels),
          console,
          onReset,
          mappedRegisters,
          trackDirtyPages,
          words);
    }
  }
}
