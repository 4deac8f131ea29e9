package org.microvm.machine.config;

import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.microvm.linux.GuestRam;
import org.microvm.machine.runtime.VmmRuntime;
import org.microvm.virtioserial.SerialConfig;

/**
 * The configuration of a machine; created with {@link #builder}.
 *
 * @param kernel ELF vmlinux, bzImage or bare-metal ELF
 * @param initrd initial RAM disk
 * @param commandLine kernel command line; the machine appends a parameter for each virtio-mmio
 *     device
 * @param memoryBytes guest RAM in bytes, a multiple of 4096
 * @param topology number of vCPUs, and how they are grouped
 * @param disks virtio-blk devices, the first is vda
 * @param serial options of the virtio-serial device
 * @param channels the channels that exist at power-on
 * @param console where the UART's output goes
 * @param onReset what happens if the guest requests a reset
 * @param onPanic what happens if the guest's kernel panics
 * @param onHalt what happens if the guest halts permanently
 * @param resetLimit how many boots in a row may end in a reset by the guest within a minute, and
 *     without a program in the guest having opened a channel, until the machine ends; 0 for any
 *     number
 * @param mappedRegisters whether the guest reads virtio registers from memory and acknowledges
 *     interrupts without an exit, if KVM supports that; if off, each access is an exit
 * @param trackDirtyPages whether pages written since the last snapshot are tracked, for {@code
 *     Machine.snapshotDiff}; this slows down the guest's first write to each page
 * @param acpi whether the guest gets ACPI tables, in which a distribution's kernel finds its
 *     devices; the kernel command line has the virtio-mmio devices in any case
 * @param hostParameters whether a Linux kernel that is not built for hosts without hardware
 *     virtualization gets additional parameters on such a host, which hide from it what KVM's
 *     emulator lacks
 * @param options the command-line options of this configuration, if there were any; snapshots keep
 *     them
 * @param runtime what the machine shares with others of this process; empty for a machine with
 *     threads of its own
 */
public record MachineConfig(
    Path kernel,
    Optional<Path> initrd,
    String commandLine,
    long memoryBytes,
    Topology topology,
    List<DiskConfig> disks,
    SerialConfig serial,
    List<ChannelConfig> channels,
    OutputStream console,
    OnReset onReset,
    OnPanic onPanic,
    OnHalt onHalt,
    int resetLimit,
    boolean mappedRegisters,
    boolean trackDirtyPages,
    boolean acpi,
    boolean hostParameters,
    List<String> options,
    Optional<VmmRuntime> runtime) {
  /** How many boots in a row may fail, unless configured otherwise. */
  public static final int DEFAULT_RESET_LIMIT = 10;

  /** The sizes of guest RAM that {@link #isMemorySize} accepts, for messages. */
  public static final String MEMORY_SIZES = "1M to 1T, and a multiple of 4K";

  private static final long MIN_MEMORY = 1L << 20;
  private static final long PAGE = 4096;

  /**
   * {@return whether guest RAM can have a size}
   *
   * @param bytes the size
   */
  public static boolean isMemorySize(long bytes) {
    return bytes >= MIN_MEMORY && bytes <= GuestRam.MAX_SIZE && bytes % PAGE == 0;
  }

  /** {@return the number of vCPUs} */
  public int cpus() {
    return topology.cpus();
  }

  /**
   * Starts with one vCPU, 128 MiB of memory, and no devices but the console, whose output is
   * dropped.
   *
   * @param kernel ELF vmlinux, bzImage or bare-metal ELF; read whenever the guest boots
   * @return the new builder
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
    private Topology topology = Topology.ofCores(1);
    private SerialConfig serial = SerialConfig.defaults();
    private OutputStream console = OutputStream.nullOutputStream();
    private OnReset onReset = OnReset.EXIT;
    private OnPanic onPanic = OnPanic.EXIT;
    private OnHalt onHalt = OnHalt.EXIT;
    private int resetLimit = DEFAULT_RESET_LIMIT;
    private boolean mappedRegisters = true;
    private boolean trackDirtyPages;
    private boolean acpi = true;
    private boolean hostParameters = true;
    private List<String> options = List.of();
    private Optional<VmmRuntime> runtime = Optional.empty();

    private Builder(Path kernel) {
      this.kernel = Objects.requireNonNull(kernel);
    }

    /**
     * Sets the initial RAM disk.
     *
     * @param file loaded into guest memory as it is; none by default
     * @return this builder
     */
    public Builder initrd(Path file) {
      initrd = Optional.of(file);
      return this;
    }

    /**
     * Sets the kernel command line.
     *
     * @param text parameters separated by spaces; empty by default
     * @return this builder
     */
    public Builder commandLine(String text) {
      commandLine = Objects.requireNonNull(text);
      return this;
    }

    /**
     * Sets the size of guest RAM.
     *
     * @param bytes 1 MiB to 1 TiB, a multiple of 4096; 128 MiB by default. No kernel can be started
     *     in the first MiB alone.
     * @return this builder
     */
    public Builder memory(long bytes) {
      memoryBytes = bytes;
      return this;
    }

    /**
     * Sets the number of vCPUs, which are the cores of one socket.
     *
     * @param count 1 to 254, and not more than KVM allows; 1 by default
     * @return this builder
     * @throws IllegalArgumentException if the number is not possible
     */
    public Builder cpus(int count) {
      return topology(Topology.ofCores(count));
    }

    /**
     * Sets the number of vCPUs, and how they are grouped.
     *
     * @param grouping one vCPU by default
     * @return this builder
     */
    public Builder topology(Topology grouping) {
      topology = Objects.requireNonNull(grouping);
      return this;
    }

    /**
     * Adds a virtio-blk device.
     *
     * @param disk the next disk: the first is vda, the second vdb
     * @return this builder
     */
    public Builder disk(DiskConfig disk) {
      disks.add(disk);
      return this;
    }

    /**
     * Sets the options of the virtio-serial device, such as how many ports it can have.
     *
     * @param config {@link SerialConfig#defaults()} by default
     * @return this builder
     */
    public Builder serial(SerialConfig config) {
      serial = Objects.requireNonNull(config);
      return this;
    }

    /**
     * Adds a channel.
     *
     * @param channel no other channel may have its number or its name
     * @return this builder
     */
    public Builder channel(ChannelConfig channel) {
      channels.add(channel);
      return this;
    }

    /**
     * Sets where the UART's output goes; the machine flushes the stream and does not close it.
     *
     * @param stream receives the raw bytes; they are dropped by default
     * @return this builder
     */
    public Builder console(OutputStream stream) {
      console = Objects.requireNonNull(stream);
      return this;
    }

    /**
     * Sets what happens if the guest requests a reset.
     *
     * @param action {@link OnReset#EXIT} by default
     * @return this builder
     */
    public Builder onReset(OnReset action) {
      onReset = Objects.requireNonNull(action);
      return this;
    }

    /**
     * Sets what happens if the guest's kernel panics.
     *
     * @param action {@link OnPanic#EXIT} by default
     * @return this builder
     */
    public Builder onPanic(OnPanic action) {
      onPanic = Objects.requireNonNull(action);
      return this;
    }

    /**
     * Sets what happens if the guest halts permanently.
     *
     * @param action {@link OnHalt#EXIT} by default
     * @return this builder
     */
    public Builder onHalt(OnHalt action) {
      onHalt = Objects.requireNonNull(action);
      return this;
    }

    /**
     * Sets how many boots in a row may fail until the machine ends.
     *
     * @param count {@value MachineConfig#DEFAULT_RESET_LIMIT} by default, 0 for any number; not
     *     negative
     * @return this builder
     */
    public Builder resetLimit(int count) {
      resetLimit = count;
      return this;
    }

    /**
     * Sets whether the guest reads virtio registers from memory, if KVM supports that.
     *
     * @param on true by default; false makes each access to a register an exit
     * @return this builder
     */
    public Builder mappedRegisters(boolean on) {
      mappedRegisters = on;
      return this;
    }

    /**
     * Sets whether written pages are tracked, which diff snapshots require.
     *
     * @param on false by default; true slows down the guest's first write to each page
     * @return this builder
     */
    public Builder trackDirtyPages(boolean on) {
      trackDirtyPages = on;
      return this;
    }

    /**
     * Sets whether the kernel gets the parameters that this host requires.
     *
     * @param on true by default
     * @return this builder
     */
    public Builder hostParameters(boolean on) {
      hostParameters = on;
      return this;
    }

    /**
     * Sets whether the guest gets ACPI tables.
     *
     * @param on true by default
     * @return this builder
     */
    public Builder acpi(boolean on) {
      acpi = on;
      return this;
    }

    /**
     * Sets the command-line options of the configuration, which snapshots keep.
     *
     * @param commandLineOptions one element for each word; empty by default
     * @return this builder
     */
    public Builder options(List<String> commandLineOptions) {
      options = List.copyOf(commandLineOptions);
      return this;
    }

    /**
     * Makes the machine share event loops and threads with other machines of this process.
     *
     * @param shared by all machines that are configured with it; it is closed after them
     * @return this builder
     */
    public Builder runtime(VmmRuntime shared) {
      runtime = Optional.of(shared);
      return this;
    }

    /**
     * Creates the configuration. Its values are checked when a machine is created from it.
     *
     * @return the configuration; later changes of the builder do not affect it
     */
    public MachineConfig build() {
      return new MachineConfig(
          kernel,
          initrd,
          commandLine,
          memoryBytes,
          topology,
          List.copyOf(disks),
          serial,
          List.copyOf(channels),
          console,
          onReset,
          onPanic,
          onHalt,
          resetLimit,
          mappedRegisters,
          trackDirtyPages,
          acpi,
          hostParameters,
          options,
          runtime);
    }
  }
}
