package org.microvm.cli;

import static java.util.Map.entry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.cli.named.MachineFiles;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.OnHalt;
import org.microvm.machine.config.OnPanic;
import org.microvm.machine.config.OnReset;
import picocli.CommandLine.Model.OptionSpec;

/** The options that define a machine. QEMU's spelling with one dash is accepted as well. */
final class MachineOptions {
  /** Default size of guest RAM. */
  private static final String DEFAULT_MEMORY = "128M";

  /**
   * Kernel command line: a console, a reboot that the machine notices, and a reboot after a panic.
   */
  private static final String DEFAULT_COMMAND_LINE = "console=ttyS0 reboot=k panic=-1";

  private final OptionSpec kernel =
      Options.path(
          "FILE",
          "ELF vmlinux, bzImage or bare-metal ELF (default: the kernel that `make images` builds)",
          "--kernel",
          "-kernel");

  private final OptionSpec initrd = Options.path("FILE", "initial RAM disk", "--initrd", "-initrd");

  private final OptionSpec append =
      Options.texts("TEXT", "text to append to the kernel command line", "--append", "-append");

  private final OptionSpec memory =
      Options.text(
              "SIZE",
              "guest RAM, such as 128M or 2G; in MiB if there is no unit (default: ${DEFAULT-VALUE})",
              "--memory",
              "-m")
          .defaultValue(DEFAULT_MEMORY)
          .build();

  private final OptionSpec cpus =
      Options.text(
              "N",
              "number of vCPUs, optionally with their topology:"
                  + " [cpus=]N[,sockets=S][,cores=C][,threads=T] (default: ${DEFAULT-VALUE})",
              "--cpus",
              "-smp")
          .defaultValue("1")
          .build();

  private final OptionSpec chardevs =
      Options.texts(
          "OPTIONS",
          "host end of a channel, such as socket,id=a,path=P,server=on,wait=off",
          "--chardev",
          "-chardev");

  private final OptionSpec devices =
      Options.texts(
          "OPTIONS",
          "guest end of a channel, such as virtserialport,chardev=a,name=N[,nr=K]",
          "--device",
          "-device");

  private final OptionSpec disks =
      Options.texts(
          "OPTIONS",
          "raw disk image, a file or a block device: FILE[,readonly=on][,snapshot=on][,format=raw]"
              + "[,werror=enospc|report|stop|ignore][,rerror=report|stop|ignore]"
              + "[,discard=unmap|ignore]; with snapshot=on, the guest's writes are lost at the end; with"
              + " format=raw, the file is used even if it looks like an image of another format",
          "--disk",
          "-disk");

  private final OptionSpec registers =
      Options.text(
              "mapped|exits",
              "mapped: the guest reads virtio registers from memory where KVM supports that; exits:"
                  + " each access is an exit (default: ${DEFAULT-VALUE})",
              "--registers")
          .defaultValue("mapped")
          .build();

  private final OptionSpec acpi =
      Options.text(
              "on|off", "whether the guest gets ACPI tables (default: ${DEFAULT-VALUE})", "--acpi")
          .defaultValue("on")
          .build();

  private final OptionSpec hostParameters =
      Options.text(
              "auto|off",
              "auto: on a host without hardware virtualization (kvm-pvm), append kernel parameters"
                  + " that hide what KVM's emulator lacks, unless the kernel is built for such hosts"
                  + " (default: ${DEFAULT-VALUE})",
              "--host-parameters")
          .defaultValue("auto")
          .build();

  private final OptionSpec trackDirtyPages =
      Options.text(
              "on|off",
              "whether to record which pages are written, for `microvm snapshot --diff`"
                  + " (default: ${DEFAULT-VALUE})",
              "--track-dirty-pages")
          .defaultValue("off")
          .build();

  private final OptionSpec onReset =
      Options.text(
              "exit|restart",
              "what to do when the guest reboots: end the process or start the guest again"
                  + " (default: ${DEFAULT-VALUE})",
              "--on-reset")
          .defaultValue("exit")
          .build();

  private final OptionSpec onPanic =
      Options.text(
              "exit|restart|pause",
              "what to do when the guest's kernel panics: end the process with status 112, start the"
                  + " guest again, or pause it (default: ${DEFAULT-VALUE})",
              "--on-panic")
          .defaultValue("exit")
          .build();

  private final OptionSpec onHalt =
      Options.text(
              "exit|ignore",
              "what to do when the guest halts, all vCPUs with interrupts off: end the process with"
                  + " status 116, or print a line and continue (default: ${DEFAULT-VALUE})",
              "--on-halt")
          .defaultValue("exit")
          .build();

  private final OptionSpec resetLimit =
      Options.text(
              "N",
              "end with status 118 after N resets in a row, each within a minute and without a"
                  + " channel opened in the guest; 0: any number (default: ${DEFAULT-VALUE})",
              "--reset-limit")
          .defaultValue(Integer.toString(MachineConfig.DEFAULT_RESET_LIMIT))
          .build();

  private final List<String> bootOptions = new ArrayList<>();

  private boolean exactCommandLine;

  private ChannelOptions channels;

  private MachineFiles files;

  private boolean addsAgent;

  /** The options, in the order of the help. */
  List<OptionSpec> all() {
    return List.of(
        kernel,
        initrd,
        append,
        memory,
        cpus,
        chardevs,
        devices,
        disks,
        registers,
        acpi,
        hostParameters,
        trackDirtyPages,
        onReset,
        onPanic,
        onHalt,
        resetLimit);
  }

  /** Returns the channels of the machine; call {@link #toBuilder} first. */
  ChannelOptions channels() {
    return channels;
  }

  /** The kernel that was given, or null for the project's own. */
  Path kernel() {
    return kernel.getValue();
  }

  /**
   * Makes the paths of the kernel and the RAM disk absolute.
   *
   * @param directory what relative paths refer to
   */
  void resolve(Path directory) {
    for (OptionSpec option : List.of(kernel, initrd)) {
      Path path = option.getValue();
      if (path != null) {
        option.setValue(directory.resolve(path));
      }
    }
  }

  /**
   * Whether another process of this user can open what the channels and disks name: no relative
   * path, and nothing that this process has open.
   */
  boolean isForAnyProcess() {
    return Options.all(disks).stream().allMatch(text -> DiskOptions.parse(text).file().isAbsolute())
        && Options.all(chardevs).stream()
            .allMatch(
                text -> ChannelOptions.read("--chardev", text, ChannelOptions::isForAnyProcess));
  }

  /** Adds a word to the kernel command line, which snapshots do not keep. */
  void addBootOption(String word) {
    bootOptions.add(word);
  }

  /** Leaves out the defaults of the kernel command line; snapshots do not keep it either. */
  void exactCommandLine() {
    exactCommandLine = true;
  }

  /**
   * Gives the machine a name, and with it a channel to its guest agent.
   *
   * @param ofMachine its files; null if it has no name
   * @param addAgent whether the channel is added if the options have none
   */
  void name(MachineFiles ofMachine, boolean addAgent) {
    files = ofMachine;
    addsAgent = addAgent;
  }

  /** Returns the machine that the options describe, for the caller to complete. */
  MachineConfig.Builder toBuilder() throws IOException {
    return toBuilder(false);
  }

  /**
   * Returns the machine that the options describe, for the caller to complete.
   *
   * @param incoming whether the guest migrates here from another process, which listens on the
   *     sockets until then
   */
  MachineConfig.Builder toBuilder(boolean incoming) throws IOException {
    MachineConfig.Builder builder = withKernel();
    Options.all(disks).forEach(text -> builder.disk(DiskOptions.parse(text)));
    addChannels(builder, incoming);
    return builder
        .options(toOptions())
        .memory(memoryBytes())
        .topology(CpuOptions.parse(cpus.getValue()))
        .onReset(
            Options.choice(onReset, entry("exit", OnReset.EXIT), entry("restart", OnReset.RESTART)))
        .onPanic(
            Options.choice(
                onPanic,
                entry("exit", OnPanic.EXIT),
                entry("restart", OnPanic.RESTART),
                entry("pause", OnPanic.PAUSE)))
        .onHalt(Options.choice(onHalt, entry("exit", OnHalt.EXIT), entry("ignore", OnHalt.IGNORE)))
        .resetLimit(limit())
        .mappedRegisters(Options.choice(registers, entry("mapped", true), entry("exits", false)))
        .acpi(Options.choice(acpi, entry("on", true), entry("off", false)))
        .hostParameters(Options.choice(hostParameters, entry("auto", true), entry("off", false)))
        .trackDirtyPages(Options.choice(trackDirtyPages, entry("on", true), entry("off", false)));
  }

  /** What the guest boots from, its command line included. */
  private MachineConfig.Builder withKernel() throws IOException {
    GuestImages images = GuestImages.installed();
    boolean own = kernel() == null;
    if (own && !images.present()) {
      Optional<String> unreadable = FileProblem.unreadable(images);
      if (unreadable.isPresent()) {
        throw new IOException("the guest images cannot be read: " + unreadable.get());
      }
      throw new UsageException(
          "no guest images in " + images.directory() + ": run 'make images', or give --kernel");
    }
    MachineConfig.Builder builder = MachineConfig.builder(own ? images.kernel() : kernel());
    List<String> args = new ArrayList<>();
    if (own) {
      builder.disk(new DiskConfig(images.disk(), true));
      args.add(images.commandLine());
    } else if (!exactCommandLine) {
      args.add(DEFAULT_COMMAND_LINE);
    }
    args.addAll(Options.all(append));
    args.addAll(bootOptions);
    builder.commandLine(String.join(" ", args));
    Path ramDisk = initrd.getValue();
    if (ramDisk != null) {
      builder.initrd(ramDisk);
    }
    return builder;
  }

  private void addChannels(MachineConfig.Builder builder, boolean incoming) throws IOException {
    completeChannels();
    channels = new ChannelOptions(Options.all(chardevs), incoming);
    if (files != null) {
      Optional<Path> clipboard = channels.clipboardAt(files.clipboard());
      if (clipboard.isPresent() && !isThere(files.clipboard())) {
        Files.createSymbolicLink(files.clipboard(), clipboard.get().toAbsolutePath());
      }
    }
    channels.addTo(builder, Options.all(devices));
  }

  /** Whether the process that had the machine before this one has made the link. */
  static boolean isThere(Path link) {
    return Files.exists(link, LinkOption.NOFOLLOW_LINKS);
  }

  /** Completes the options themselves, because snapshots have them. */
  private void completeChannels() throws IOException {
    List<String> hostEnds = new ArrayList<>(Options.all(chardevs));
    List<String> guestEnds = new ArrayList<>(Options.all(devices));
    AgentChannel.complete(hostEnds, guestEnds, files, addsAgent);
    chardevs.setValue(hostEnds);
    devices.setValue(guestEnds);
  }

  /** Returns the options for a snapshot, with absolute paths. */
  private List<String> toOptions() {
    List<String> args = new ArrayList<>();
    addPath(args, kernel);
    addPath(args, initrd);
    addAll(args, List.of(append, chardevs, devices));
    for (String disk : Options.all(disks)) {
      args.addAll(List.of(disks.longestName(), DiskOptions.toSaved(disk)));
    }
    for (OptionSpec option :
        List.of(
            memory,
            cpus,
            onReset,
            onPanic,
            onHalt,
            resetLimit,
            registers,
            acpi,
            hostParameters,
            trackDirtyPages)) {
      args.addAll(List.of(option.longestName(), option.getValue()));
    }
    return SavedPaths.absolute(args);
  }

  private static void addPath(List<String> args, OptionSpec option) {
    Path path = option.getValue();
    if (path != null) {
      args.addAll(List.of(option.longestName(), path.toString()));
    }
  }

  private static void addAll(List<String> args, List<OptionSpec> options) {
    for (OptionSpec option : options) {
      Options.all(option).forEach(text -> args.addAll(List.of(option.longestName(), text)));
    }
  }

  private long memoryBytes() {
    String text = memory.getValue();
    long bytes = ByteSize.parse("--memory", text, 1 << 20);
    if (!MachineConfig.isMemorySize(bytes)) {
      throw new UsageException(
          "--memory %s must be %s".formatted(text, MachineConfig.MEMORY_SIZES));
    }
    return bytes;
  }

  private int limit() {
    String text = resetLimit.getValue();
    if (!text.matches("[0-9]{1,6}")) {
      throw new UsageException("--reset-limit: '" + text + "' is not a number from 0 to 999999");
    }
    return Integer.parseInt(text);
  }
}
