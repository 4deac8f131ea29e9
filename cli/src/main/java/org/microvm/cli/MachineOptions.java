package org.microvm.cli;

import static java.util.Map.entry;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.microvm.machine.config.DiskConfig;
import org.microvm.machine.config.GuestImages;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.OnReset;
import picocli.CommandLine.Model.OptionSpec;

/** The words that say what a machine is made of; QEMU's spelling with one dash is taken too. */
final class MachineOptions {
  /** Guest RAM unless said otherwise. */
  private static final String DEFAULT_MEMORY = "128M";

  /** A console, a reboot that the machine sees, and no wait for a person when the kernel panics. */
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
      Options.text("N", "number of vCPUs (default: ${DEFAULT-VALUE})", "--cpus", "-smp")
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
      Options.texts("OPTIONS", "raw disk image: FILE[,readonly=on]", "--disk", "-disk");

  private final OptionSpec registers =
      Options.text(
              "mapped|exits",
              "mapped: the guest reads virtio registers from memory where KVM supports that; exits:"
                  + " each access is an exit (default: ${DEFAULT-VALUE})",
              "--registers")
          .defaultValue("mapped")
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

  private ChannelWords channels;

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
        trackDirtyPages,
        onReset);
  }

  /** The channels of the machine; after {@link #toBuilder}. */
  ChannelWords channels() {
    return channels;
  }

  /** The kernel that was given, or null for the project's own. */
  Path kernel() {
    return kernel.getValue();
  }

  /** The machine that the words describe, for the caller to complete. */
  MachineConfig.Builder toBuilder() throws IOException {
    return toBuilder(false);
  }

  /**
   * The same.
   *
   * @param incoming whether a guest is to come from another process, whose servers serve on until
   *     then
   */
  MachineConfig.Builder toBuilder(boolean incoming) throws IOException {
    GuestImages images = GuestImages.installed();
    boolean own = kernel() == null;
    if (own && !images.present()) {
      throw new UsageException(
          "no guest images in " + images.directory() + ": run 'make images', or give --kernel");
    }
    MachineConfig.Builder builder = MachineConfig.builder(own ? images.kernel() : kernel());
    List<String> words = new ArrayList<>();
    if (own) {
      builder.disk(new DiskConfig(images.disk(), true));
      words.add(images.commandLine());
    } else {
      words.add(DEFAULT_COMMAND_LINE);
    }
    words.addAll(Options.all(append));
    builder.commandLine(String.join(" ", words));
    Path ramDisk = initrd.getValue();
    if (ramDisk != null) {
      builder.initrd(ramDisk);
    }
    Options.all(disks).forEach(text -> builder.disk(DiskWords.parse(text)));
    channels = new ChannelWords(Options.all(chardevs), incoming);
    channels.addTo(builder, Options.all(devices));
    return builder
        .words(toWords())
        .memory(ByteSize.parse("--memory", memory.getValue(), 1 << 20))
        .cpus(cpuCount())
        .onReset(
            Options.choice(onReset, entry("exit", OnReset.EXIT), entry("restart", OnReset.RESTART)))
        .mappedRegisters(Options.choice(registers, entry("mapped", true), entry("exits", false)))
        .trackDirtyPages(Options.choice(trackDirtyPages, entry("on", true), entry("off", false)));
  }

  /** The same options as words again, for a snapshot; the files as they are found from anywhere. */
  private List<String> toWords() {
    List<String> words = new ArrayList<>();
    addPath(words, kernel);
    addPath(words, initrd);
    addAll(words, List.of(append, chardevs, devices, disks));
    for (OptionSpec option : List.of(memory, cpus, onReset, registers, trackDirtyPages)) {
      words.addAll(List.of(option.longestName(), option.getValue()));
    }
    return words;
  }

  private static void addPath(List<String> words, OptionSpec option) {
    Path path = option.getValue();
    if (path != null) {
      words.addAll(List.of(option.longestName(), path.toAbsolutePath().toString()));
    }
  }

  private static void addAll(List<String> words, List<OptionSpec> options) {
    for (OptionSpec option : options) {
      Options.all(option).forEach(text -> words.addAll(List.of(option.longestName(), text)));
    }
  }

  private int cpuCount() {
    String count = cpus.getValue();
    try {
      return Integer.parseInt(count);
    } catch (NumberFormatException e) {
      throw new UsageException("--cpus: '" + count + "' is not a number of vCPUs");
    }
  }
}
