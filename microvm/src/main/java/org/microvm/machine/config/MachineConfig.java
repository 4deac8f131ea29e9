package org.microvm.machine.config;

import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.microvm.virtioserial.SerialConfig;

/**
 * The configuration of a machine; created with {@link #builder}.
 *
 * @param kernel ELF vmlinux, bzImage or bare-metal ELF
 * @param initrd initial RAM disk
 * @param commandLine kernel command line; the machine appends a parameter for each virtio-mmio
 *     device
 * @param memoryBytes guest RAM in bytes, a multiple of 4096
 * @param cpus number of vCPUs
 * @param disks virtio-blk devices, the first is vda
 * @param serial options of the virtio-serial device
 * @param channels the channels that exist at power-on
 * @param console where the UART's output goes
 * @param onReset what happens if the guest requests a reset
 * @param mappedRegisters whether the guest reads virtio registers from memory and acknowledges
 *     interrupts without an exit, if KVM supports that; if off, each access is an exit
 * @param trackDirtyPages whether pages written since the last snapshot are tracked, for {@code
 *     Machine.snapshotDiff}; this slows down the guest's first write to each page
 * @param hostParameters whether a Linux kernel that is not built for hosts without hardware
 *     virtualization gets additional parameters on such a host, which hide from it what KVM's
 *     emulator lacks
 * @param options the command-line options of this configuration, if there were any; snapshots keep
 *     them
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
    boolean hostParameters,
    List<String> options) {

  /**
   * Starts with one vCPU, 128 MiB of memory, and no devices but the console, whose output is
   * dropped.
   */
  public static Builder builder(Path kernel) {
    return new Builder(kernel);
  }

  /** Builds a configuration. Not thread-safe. */
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
    private boolean hostParameters = true;
    private List<String> options = List.of();

    private Builder(Path kernel) {
      this.kernel = Objects.requireNonNull(kernel);
    }

    /** Sets the initial RAM disk. */
    public Builder initrd(Path file) {
      initrd = Optional.of(file);
      return this;
    }

    /** Sets the kernel command line. */
    public Builder commandLine(String text) {
      commandLine = Objects.requireNonNull(text);
      return this;
    }

    /** Sets the size of guest RAM in bytes. */
    public Builder memory(long bytes) {
      memoryBytes = bytes;
      return this;
    }

    /** Sets the number of vCPUs. */
    public Builder cpus(int count) {
      cpus = count;
      return this;
    }

    /** Adds a virtio-blk device. */
    public Builder disk(DiskConfig disk) {
      disks.add(disk);
      return this;
    }

    /** Sets the options of the virtio-serial device, such as how many ports it can have. */
    public Builder serial(SerialConfig config) {
      serial = Objects.requireNonNull(config);
      return this;
    }

    /** Adds a channel. */
    public Builder channel(ChannelConfig channel) {
      channels.add(channel);
      return this;
    }

    /** Sets where the UART's output goes; the machine flushes the stream and does not close it. */
    public Builder console(OutputStream stream) {
      console = Objects.requireNonNull(stream);
      return this;
    }

    /** Sets what happens if the guest requests a reset. */
    public Builder onReset(OnReset action) {
      onReset = Objects.requireNonNull(action);
      return this;
    }

    /** Sets whether the guest reads virtio registers from memory, if KVM supports that. */
    public Builder mappedRegisters(boolean on) {
      mappedRegisters = on;
      return this;
    }

    /** Sets whether written pages are tracked, which diff snapshots require. */
    public Builder trackDirtyPages(boolean on) {
      trackDirtyPages = on;
      return this;
    }

    /** Sets whether the kernel gets the parameters that this host requires. */
    public Builder hostParameters(boolean on) {
      hostParameters = on;
      return this;
    }

    /** Sets the command-line options of the configuration, which snapshots keep. */
    public Builder options(List<String> commandLineOptions) {
      options = List.copyOf(commandLineOptions);
      return this;
    }

    /** Creates the configuration. */
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
          hostParameters,
          options);
    }
  }
}
