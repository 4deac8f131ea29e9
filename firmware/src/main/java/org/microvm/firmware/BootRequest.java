package org.microvm.firmware;

import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.microvm.firmware.acpi.AcpiHardware;

/**
 * Describes the guest to start.
 *
 * @param kernel an ELF image or a bzImage
 * @param initrd the initial RAM disk, if any
 * @param commandLine the whole kernel command line, see {@link CommandLine}
 * @param cpus the number of vCPUs; their local APIC IDs count from 0
 * @param entry which entry point to use
 * @param acpi what the ACPI tables describe; empty for a guest without them
 */
public record BootRequest(
    Path kernel,
    Optional<Path> initrd,
    String commandLine,
    int cpus,
    BootProtocol entry,
    Optional<AcpiHardware> acpi) {

  /** Rejects null. */
  public BootRequest {
    Objects.requireNonNull(kernel, "kernel");
    Objects.requireNonNull(initrd, "initrd");
    Objects.requireNonNull(commandLine, "commandLine");
    Objects.requireNonNull(entry, "entry");
    Objects.requireNonNull(acpi, "acpi");
  }
}
