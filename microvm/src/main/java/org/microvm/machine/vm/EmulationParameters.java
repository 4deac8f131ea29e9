package org.microvm.machine.vm;

import java.nio.file.Path;
import java.util.List;
import org.microvm.firmware.BootException;
import org.microvm.firmware.CommandLine;
import org.microvm.firmware.KernelKind;
import org.microvm.firmware.KernelParameters;
import org.microvm.kvm.HostVirtualization;
import org.microvm.machine.config.MachineConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernel parameters that a Linux kernel needs where KVM emulates its code (kvm-pvm): they hide
 * what the processor has and KVM's emulator lacks. A parameter that the command line has already is
 * left as it is there.
 */
final class EmulationParameters implements KernelParameters {
  private static final Logger LOG = LoggerFactory.getLogger(EmulationParameters.class);

  /**
   * With noxsave the kernel saves no AVX registers, while user programs see the processor's CPUID.
   * The C library must not use what would be lost. -AVX and -AVX2 are not enough: without
   * -AVX_Fast_Unaligned_Load memcpy still uses AVX.
   */
  private static final String TUNABLES =
      "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-XSAVE,-XSAVEC,"
          + "-OSXSAVE,-AVX_Fast_Unaligned_Load";

  /**
   * The kernel passes GLIBC_TUNABLES to init as an environment variable. systemd does not pass it
   * on, and has a parameter of its own.
   */
  private static final List<String> PARAMETERS =
      List.of(
          "noxsave",
          "clearcpuid=smap,smep,umip,fsgsbase,cx16,pcid,invpcid,popcnt,erms,fsrm",
          TUNABLES,
          "systemd.setenv=" + TUNABLES);

  private final Path path;

  private EmulationParameters(Path path) {
    this.path = path;
  }

  /** The parameters for the kernel of a machine on this host. */
  static KernelParameters of(MachineConfig config) {
    return config.hostParameters()
        ? new EmulationParameters(config.kernel())
        : KernelParameters.NONE;
  }

  @Override
  public String addTo(String commandLine, KernelKind kernel) throws BootException {
    // In this order, because examining the host takes longer, and every start runs this.
    if (kernel != KernelKind.LINUX || !HostVirtualization.emulatesKernels()) {
      return commandLine;
    }
    CommandLine line = CommandLine.of(commandLine);
    String added = missing(line);
    LOG.warn(
        "this host has no hardware virtualization (kvm-pvm), and {} is not built for such hosts:"
            + " it boots in minutes, if at all; docs/kernels.md says how to build one that boots in"
            + " seconds; added to its command line: {}",
        path,
        added.isEmpty() ? "nothing" : added);
    return line.append(added).toString();
  }

  /** The parameters that a command line lacks, separated by spaces. */
  static String missing(CommandLine line) {
    StringBuilder missing = new StringBuilder();
    for (String parameter : PARAMETERS) {
      if (!line.has(parameter.substring(0, nameLength(parameter)))) {
        missing.append(missing.isEmpty() ? "" : " ").append(parameter);
      }
    }
    return missing.toString();
  }

  private static int nameLength(String parameter) {
    int equals = parameter.indexOf('=');
    return equals < 0 ? parameter.length() : equals;
  }
}
