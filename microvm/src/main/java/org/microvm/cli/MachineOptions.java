package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.microvm.machine.DiskConfig;
import org.microvm.machine.GuestImages;
import org.microvm.machine.MachineConfig;
import org.microvm.machine.OnReset;
import picocli.CommandLine.Option;

/** The words that say what a machine is made of; QEMU's spelling with one dash is taken too. */
final class MachineOptions {
  /** Guest RAM unless said otherwise. */
  private static final String DEFAULT_MEMORY = "128M";

  /** A console, a reboot that the machine sees, and no wait for a person when the kernel panics. */
  private static final String DEFAULT_COMMAND_LINE = "console=ttyS0 reboot=k panic=-1";

  @Option(
      names = {"--kernel", "-kernel"},
      paramLabel = "FILE",
      description = "ELF vmlinux, bzImage or bare-metal ELF; default: the images of `make images`")
  private Path kernel;

  @Option(
      names = {"--initrd", "-initrd"},
      paramLabel = "FILE",
      description = "initial RAM disk")
  private Path initrd;

  @Option(
      names = {"--append", "-append"},
      paramLabel = "TEXT",
      description = "words to add to the kernel command line")
  private List<String> append = List.of();

  @Option(
      names = {"--memory", "-m"},
      paramLabel = "SIZE",
      defaultValue = DEFAULT_MEMORY,
      description = "guest RAM, such as 128M or 2G; a number alone is in MiB (${DEFAULT-VALUE})")
  private String memory;

  @Option(
      names = {"--cpus", "-smp"},
      paramLabel = "N",
      defaultValue = "1",
      description = "number of vCPUs (${DEFAULT-VALUE})")
  private String cpus;

  @Option(
      names = {"--chardev", "-chardev"},
      paramLabel = "WORDS",
      description = "host end of a channel: socket,id=a,path=P,server=on,wait=off")
  private List<String> chardevs = List.of();

  @Option(
      names = {"--device", "-device"},
      paramLabel = "WORDS",
      description = "virtserialport,chardev=a,name=N[,nr=K]")
  private List<String> devices = List.of();

  @Option(
      names = {"--disk", "-disk"},
      paramLabel = "WORDS",
      description = "raw disk image: FILE[,readonly=on]")
  private List<String> disks = List.of();

  @Option(
      names = "--registers",
      paramLabel = "mapped|exits",
      defaultValue = "mapped",
      description =
          "whether the guest reads virtio registers from memory, where KVM can do that, or each"
              + " access is an exit (${DEFAULT-VALUE})")
  private String registers;

  @Option(
      names = "--track-dirty-pages",
      paramLabel = "on|off",
      defaultValue = "off",
      description =
          "whether pages that are written are noted, for `microvm snapshot --diff`"
              + " (${DEFAULT-VALUE})")
  private String trackDirtyPages;

  @Option(
      names = "--on-reset",
      paramLabel = "exit|restart",
      defaultValue = "exit",
      description = "what the guest's reboot does (${DEFAULT-VALUE})")
  private String onReset;

  private ChannelWords channels;

  /** The channels of the machine; after {@link #toBuilder}. */
  ChannelWords channels() {
    return channels;
  }

  /** The kernel that was given, or null for the project's own. */
  Path kernel() {
    return kernel;
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
    boolean own = kernel == null;
    if (own && !images.present()) {
      throw new UsageException(
          "no guest images in " + images.directory() + ": run 'make images', or give --kernel");
    }
    MachineConfig.Builder builder = MachineConfig.builder(own ? images.kernel() : kernel);
    List<String> words = new ArrayList<>();
    if (own) {
      builder.disk(new DiskConfig(images.disk(), true));
      words.add(images.commandLine());
    } else {
      words.add(DEFAULT_COMMAND_LINE);
    }
    words.addAll(append);
    builder.commandLine(String.join(" ", words));
    if (initrd != null) {
      builder.initrd(initrd);
    }
    disks.forEach(text -> builder.disk(DiskWords.parse(text)));
    channels = new ChannelWords(incoming ? takingOver(chardevs) : chardevs);
    channels.addTo(builder, devices);
    return builder
        .words(toWords())
        .memory(ByteSize.parse("--memory", memory, 1 << 20))
        .cpus(cpuCount())
        .onReset(resetAction())
        .mappedRegisters(registersAreMapped())
        .trackDirtyPages(dirtyPagesAreTracked());
  }

  /** The same options as words again, for a snapshot; the files as they are found from anywhere. */
  private List<String> toWords() {
    List<String> words = new ArrayList<>();
    if (kernel != null) {
      words.addAll(List.of("--kernel", kernel.toAbsolutePath().toString()));
    }
    if (initrd != null) {
      words.addAll(List.of("--initrd", initrd.toAbsolutePath().toString()));
    }
    append.forEach(text -> words.addAll(List.of("--append", text)));
    chardevs.forEach(text -> words.addAll(List.of("--chardev", text)));
    devices.forEach(text -> words.addAll(List.of("--device", text)));
    disks.forEach(text -> words.addAll(List.of("--disk", text)));
    words.addAll(List.of("--memory", memory, "--cpus", cpus, "--on-reset", onReset));
    words.addAll(List.of("--registers", registers));
    words.addAll(List.of("--track-dirty-pages", trackDirtyPages));
    return words;
  }

  private static List<String> takingOver(List<String> chardevs) {
    return chardevs.stream()
        .map(
            text ->
                text.startsWith("socket,") && text.contains("server=on") && text.contains("path=")
                    ? text + ChannelWords.TAKEOVER
                    : text)
        .toList();
  }

  private int cpuCount() {
    try {
      return Integer.parseInt(cpus);
    } catch (NumberFormatException e) {
      throw new UsageException("--cpus: '" + cpus + "' is not a number of vCPUs");
    }
  }

  private boolean registersAreMapped() {
    return switch (registers) {
      case "mapped" -> true;
      case "exits" -> false;
      default ->
          throw new UsageException("--registers: '" + registers + "' is not mapped or exits");
    };
  }

  private boolean dirtyPagesAreTracked() {
    return switch (trackDirtyPages) {
      case "on" -> true;
      case "off" -> false;
      default ->
          throw new UsageException(
              "--track-dirty-pages: '" + trackDirtyPages + "' is not on or off");
    };
  }

  private OnReset resetAction() {
    return switch (onReset) {
      case "exit" -> OnReset.EXIT;
      case "restart" -> OnReset.RESTART;
      default -> throw new UsageException("--on-reset: '" + onReset + "' is not exit or restart");
    };
  }
}
