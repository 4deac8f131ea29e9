package org.microvm.firmware;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.microvm.firmware.acpi.AcpiTables;
import org.microvm.firmware.image.ByteSource;
import org.microvm.firmware.image.ElfKernel;
import org.microvm.firmware.image.FileSource;
import org.microvm.firmware.image.ImageException;
import org.microvm.firmware.image.KernelImage;
import org.microvm.firmware.image.SetupHeader;
import org.microvm.firmware.layout.GuestLayout;
import org.microvm.firmware.tables.MemoryMap;
import org.microvm.firmware.tables.MpTable;
import org.microvm.firmware.tables.PageTables;
import org.microvm.firmware.tables.Range;
import org.microvm.firmware.tables.SegmentTable;
import org.microvm.firmware.tables.StartInfo;
import org.microvm.firmware.tables.ZeroPage;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;
import org.microvm.memory.MemoryRegion;

/**
 * Puts everything that a guest needs to start into its RAM, laid out as in {@link GuestLayout}.
 *
 * <p>The fast path, for an ELF kernel, uses only classes that load quickly: no streams, lambdas,
 * formatting or string concatenation unless something fails.
 */
public final class BootLoader {
  private static final int PAGE = 4096;

  private final GuestMemory memory;
  private final BootRequest request;
  private final KernelParameters parameters;
  private final MemoryRegion lowRam;

  private BootLoader(GuestMemory memory, BootRequest request, KernelParameters parameters)
      throws BootException {
    this.memory = memory;
    this.request = request;
    this.parameters = parameters;
    this.lowRam = memory.regions().getFirst();
    if (lowRam.start() != 0 || lowRam.size() <= GuestLayout.HIGH_MEMORY) {
      throw new BootException("guest RAM must start at address 0 and be larger than 1 MiB");
    }
    checkProcessors(request.apicIds());
  }

  private static void checkProcessors(List<Integer> apicIds) throws BootException {
    int cpus = apicIds.size();
    if (cpus < 1 || cpus > MpTable.CPUS_MAX) {
      throw new BootException(
          cpus + " vCPUs requested; 1 to " + MpTable.CPUS_MAX + " are possible");
    }
    int last = -1;
    for (int i = 0; i < cpus; i++) {
      int id = apicIds.get(i);
      if (id <= last || id > MpTable.APIC_ID_MAX) {
        throw new BootException(
            "local APIC ID "
                + id
                + " after "
                + last
                + ": the IDs must ascend, up to "
                + MpTable.APIC_ID_MAX);
      }
      last = id;
    }
  }

  /**
   * Loads the kernel, its command line, initial RAM disk and tables.
   *
   * @param memory fresh RAM, all zero, because a kernel's BSS is not written
   * @param request what to start
   * @return the registers of the first vCPU
   * @throws BootException if the guest cannot be started; RAM may have been written by then
   */
  public static InitialCpuState load(GuestMemory memory, BootRequest request) throws BootException {
    return load(memory, request, KernelParameters.NONE);
  }

  /**
   * Loads the kernel, its command line with parameters that depend on the kernel, initial RAM disk
   * and tables.
   *
   * @param memory fresh RAM, all zero, because a kernel's BSS is not written
   * @param request what to start
   * @param parameters adds to the command line of the request
   * @return the registers of the first vCPU
   * @throws BootException if the guest cannot be started; RAM may have been written by then
   */
  public static InitialCpuState load(
      GuestMemory memory, BootRequest request, KernelParameters parameters) throws BootException {
    BootLoader loader = new BootLoader(memory, request, parameters);
    try {
      return loader.load();
    } catch (ImageException e) {
      throw new BootException(e.getMessage(), e);
    } catch (GuestMemoryException e) {
      // Cannot happen: every range was checked against RAM.
      throw new IllegalStateException(e);
    }
  }

  private InitialCpuState load() throws BootException, ImageException, GuestMemoryException {
    try (KernelImage kernel = KernelImage.open(request.kernel(), memory.size())) {
      ElfKernel elf = kernel.elf();
      boolean pvh;
      long entry;
      try {
        pvh = usePvh(elf);
        entry = pvh ? elf.pvhEntry() : elf.entry();
        elf.load(memory, entry);
      } catch (BootException e) {
        throw e.about("kernel " + request.kernel());
      } catch (ImageException e) {
        throw e.about("kernel " + request.kernel());
      }
      SetupHeader header = kernel.setupHeader();
      putCommandLine(parameters.addTo(request.commandLine(), kind(elf)), header.commandLineMax());
      Range initrd = putInitrd(elf.end(), header.initrdEndMax());
      putCommonTables();
      Range acpi = putAcpiTables();
      MemoryMap map = MemoryMap.of(memory, acpi);
      if (pvh) {
        put(GuestLayout.START_INFO, StartInfo.build(map, initrd, acpi.start()));
        return InitialCpuState.protectedMode(entry);
      }
      put(GuestLayout.BOOT_PARAMS, ZeroPage.build(header, map, initrd, acpi.start()));
      put(GuestLayout.PAGE_TABLES, PageTables.build(GuestLayout.PAGE_TABLES));
      return InitialCpuState.longMode(entry);
    }
  }

  private static KernelKind kind(ElfKernel elf) {
    if (!elf.isLinux()) {
      return KernelKind.OTHER;
    }
    return elf.knowsEmulation() ? KernelKind.LINUX_FOR_EMULATION : KernelKind.LINUX;
  }

  private boolean usePvh(ElfKernel elf) throws BootException {
    boolean pvh =
        switch (request.entry()) {
          case AUTO -> elf.hasPvhEntry() && !(elf.isLinux() && elf.is64Bit());
          case ELF64 -> false;
          case PVH -> true;
        };
    if (pvh && !elf.hasPvhEntry()) {
      throw new BootException("has no PVH entry note (Linux: CONFIG_PVH=y)");
    }
    if (!pvh && !elf.is64Bit()) {
      throw new BootException("is a 32-bit kernel without a PVH entry; a 64-bit one is needed");
    }
    return pvh;
  }

  private void putCommandLine(String line, int kernelMax)
      throws BootException, GuestMemoryException {
    CommandLine.check(line);
    int max = Math.min(kernelMax, GuestLayout.COMMAND_LINE_ROOM - 1);
    if (line.length() > max) {
      throw new BootException(
          "command line: "
              + line.length()
              + " characters, but kernel "
              + request.kernel()
              + " takes at most "
              + max);
    }
    byte[] bytes = line.getBytes(StandardCharsets.US_ASCII);
    put(GuestLayout.COMMAND_LINE, Arrays.copyOf(bytes, bytes.length + 1));
  }

  private Range putInitrd(long kernelEnd, long endMax)
      throws BootException, ImageException, GuestMemoryException {
    if (request.initrd().isEmpty()) {
      return Range.NONE;
    }
    Path path = request.initrd().get();
    try (ByteSource source = FileSource.open(path)) {
      long size = source.size();
      if (size == 0) {
        throw new BootException("is empty");
      }
      long bottom = Math.max(kernelEnd + PAGE - 1 & -PAGE, GuestLayout.HIGH_MEMORY);
      long top = Math.min(lowRam.end(), endMax);
      if (size > top - bottom) {
        throw new BootException(
            "has %d KiB and does not fit between the kernel and the end of usable RAM (%d KiB)"
                .formatted(size + 1023 >> 10, Math.max(top - bottom, 0) >> 10));
      }
      long start = top - size & -PAGE;
      source.read(0, memory.slice(start, size));
      return new Range(start, size);
    } catch (BootException e) {
      throw e.about("initrd " + path);
    } catch (ImageException e) {
      throw e.about("initrd " + path);
    }
  }

  private void putCommonTables() throws GuestMemoryException {
    put(GuestLayout.GDT, SegmentTable.build());
    put(GuestLayout.RESET_VECTOR, ResetVector.build());
    byte[] pointer = MpTable.floatingPointer(GuestLayout.MP_TABLE);
    put(GuestLayout.MP_TABLE, MpTable.build(request.apicIds()));
    put(GuestLayout.MP_POINTER_LOW, pointer);
    put(GuestLayout.MP_POINTER, pointer);
    putShort(GuestLayout.BDA_EBDA_SEGMENT, (int) (GuestLayout.MP_POINTER >> 4));
    putShort(GuestLayout.BDA_BASE_MEMORY, (int) (GuestLayout.MP_TABLE >> 10));
  }

  /** Returns the range of the ACPI tables, which starts with the RSDP. */
  private Range putAcpiTables() throws GuestMemoryException {
    if (request.acpi().isEmpty()) {
      return Range.NONE;
    }
    byte[] tables =
        AcpiTables.build(request.acpi().get(), request.apicIds(), GuestLayout.ACPI_TABLES);
    put(GuestLayout.ACPI_TABLES, tables);
    return new Range(GuestLayout.ACPI_TABLES, tables.length);
  }

  private void putShort(long address, int value) throws GuestMemoryException {
    put(address, new byte[] {(byte) value, (byte) (value >> 8)});
  }

  private void put(long address, byte[] bytes) throws GuestMemoryException {
    // Written as a segment: copying from an array, or the first use of a layout's VarHandle, makes
    // the JVM link a type switch and method handles. That takes 20 ms, and nothing else in the boot
    // needs them.
    memory.write(address, MemorySegment.ofArray(bytes));
  }
}
