package org.microvm.qemu;

import java.util.List;

/** What {@code -help} and {@code -OPTION help} print. */
final class Help {
  /** The version of QEMU that has these options; programs choose their options by it. */
  static final String QEMU_VERSION = "7.2.0";

  private static final String MACHINES =
      """
      Supported machines are:
      microvm              virtio-mmio devices, a UART, no PCI
      none                 no guest, only QMP
      pc                   same as microvm (default)
      q35                  same as microvm
      """;

  private static final String CPUS =
      """
      Available CPUs:
        x86 base                  same as host
        x86 host                  the features of the host, as KVM passes them on
        x86 kvm64                 same as host
        x86 max                   same as host
        x86 qemu64                same as host
      """;

  private static final String CHARDEVS =
      """
      Available chardev backend types:
        socket
        file
        pipe
        pty
        stdio
        null
      """;

  private Help() {}

  /** The first line of the help, in the form that programs parse. */
  static String version(String own) {
    return "QEMU emulator version %s (microvm %s)%n"
        .formatted(QEMU_VERSION, own.isEmpty() ? "0" : own);
  }

  /** Returns the text if the words ask for help; null otherwise. */
  static String of(List<String> words, String own) {
    for (int i = 0; i < words.size(); i++) {
      String option = words.get(i).replaceFirst("^--", "-");
      String value = i + 1 < words.size() ? words.get(i + 1) : "";
      if (option.equals("-version")) {
        return version(own);
      }
      if (option.equals("-help") || option.equals("-h")) {
        return version(own) + "usage: qemu-system-x86_64 [options]\n\n" + new Translation().help();
      }
      if (value.equals("help") || value.equals("?")) {
        String text = of(option);
        if (text != null) {
          return text;
        }
      }
    }
    return null;
  }

  private static String of(String option) {
    return switch (option) {
      case "-machine", "-M" -> MACHINES;
      case "-cpu" -> CPUS;
      case "-chardev" -> CHARDEVS;
      case "-accel" -> "Accelerators supported in QEMU binary:\nkvm\n";
      case "-display" -> "Available display backend types:\nnone\n";
      case "-object" ->
          """
          List of user creatable objects:
            iothread
            memory-backend-memfd
            memory-backend-ram
            rng-builtin
            rng-random
            secret
          """;
      case "-device" -> {
        StringBuilder text = new StringBuilder();
        Devices.names().forEach(name -> text.append("name \"%s\"\n".formatted(name)));
        yield text.toString();
      }
      default -> null;
    };
  }
}
