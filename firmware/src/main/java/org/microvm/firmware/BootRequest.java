package org.microvm.firmware;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.microvm.firmware.acpi.AcpiHardware;

/**
 * Describes the guest to start.
 *
 * @param kernel an ELF image or a bzImage
 * @param initrd the initial RAM disk, if any
 * @param commandLine the whole kernel command line, see {@link CommandLine}
 * @param apicIds the local APIC ID of each vCPU, in ascending order; the first vCPU boots, and its
 *     ID is 0. The tables take the IDs from here.
 * @param entry which entry point to use
 * @param acpi what the ACPI tables describe; empty for a guest without them
 */
public record BootRequest(
    Path kernel,
    Optional<Path> initrd,
    String commandLine,
    List<Integer> apicIds,
    BootProtocol entry,
    Optional<AcpiHardware> acpi) {

  /** Rejects null. */
  public BootRequest {
    Objects.requireNonNull(kernel, "kernel");
    Objects.requireNonNull(initrd, "initrd");
    Objects.requireNonNull(commandLine, "commandLine");
    Objects.requireNonNull(entry, "entry");
    apicIds = List.copyOf(apicIds);
    Objects.requireNonNull(acpi, "acpi");
  }
}
