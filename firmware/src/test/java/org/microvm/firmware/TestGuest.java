package org.microvm.firmware;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.microvm.firmware.acpi.AcpiHardware;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.MemoryRegion;

/** Guest RAM, and a directory with the kernel and initrd to load into it. */
public final class TestGuest {
  public final GuestMemory memory;
  private final Path directory;
  private Optional<Path> initrd = Optional.empty();
  private String commandLine = "console=ttyS0";
  private List<Integer> apicIds = List.of(0);
  private BootProtocol entry = BootProtocol.AUTO;
  private Optional<AcpiHardware> acpi = Optional.empty();

  /** A guest with {@code mib} MiB of RAM. */
  public TestGuest(Path directory, int mib) {
    this.directory = directory;
    this.memory = ram((long) mib << 20);
  }

  /** Allocates RAM of any size up to 3 GiB. */
  public static GuestMemory ram(long size) {
    return new GuestMemory(List.of(new MemoryRegion(0, Arena.ofAuto().allocate(size, 4096), 0)));
  }

  /** Returns the RAM regions of a guest of that size, without any memory behind them. */
  @SuppressWarnings("restricted")
  public static GuestMemory pretendedRam(long size) {
    long low = Math.min(size, GuestMemory.HOLE_START);
    MemoryRegion lowRegion = new MemoryRegion(0, MemorySegment.NULL.reinterpret(low), 0);
    MemorySegment high = MemorySegment.NULL.reinterpret(size - low);
    return new GuestMemory(
        size == low
            ? List.of(lowRegion)
            : List.of(lowRegion, new MemoryRegion(GuestMemory.HOLE_END, high, low)));
  }

  public TestGuest initrd(byte[] content) throws IOException {
    initrd = Optional.of(Files.write(directory.resolve("initrd"), content));
    return this;
  }

  public TestGuest initrd(Path path) {
    initrd = Optional.of(path);
    return this;
  }

  public TestGuest commandLine(String text) {
    commandLine = text;
    return this;
  }

  /** CPUs whose APIC IDs count from 0. */
  public TestGuest cpus(int count) {
    return apicIds(IntStream.range(0, count).boxed().toList());
  }

  public TestGuest apicIds(List<Integer> ids) {
    apicIds = ids;
    return this;
  }

  public TestGuest entry(BootProtocol choice) {
    entry = choice;
    return this;
  }

  public TestGuest acpi(AcpiHardware hardware) {
    acpi = Optional.of(hardware);
    return this;
  }

  public InitialCpuState load(byte[] kernel) throws IOException, BootException {
    return load(Files.write(directory.resolve("kernel"), kernel));
  }

  public InitialCpuState load(byte[] kernel, KernelParameters parameters)
      throws IOException, BootException {
    Path file = Files.write(directory.resolve("kernel"), kernel);
    return BootLoader.load(
        memory, new BootRequest(file, initrd, commandLine, apicIds, entry, acpi), parameters);
  }

  public InitialCpuState load(Path kernel) throws BootException {
    return BootLoader.load(
        memory, new BootRequest(kernel, initrd, commandLine, apicIds, entry, acpi));
  }

  /**
   * Loads an image that may be damaged and returns whether it was accepted; throws anything but a
   * refusal.
   */
  public boolean accepts(byte[] kernel) throws IOException {
    try {
      load(kernel);
      return true;
    } catch (BootException e) {
      return false;
    }
  }

  /** Reads bytes from RAM. */
  public byte[] read(long address, int length) throws Exception {
    byte[] bytes = new byte[length];
    memory.read(address, bytes);
    return bytes;
  }

  /** Reads the text at an address up to its zero byte. */
  public String readText(long address) throws Exception {
    StringBuilder text = new StringBuilder();
    for (int c = memory.getByte(address); c != 0; c = memory.getByte(address + text.length())) {
      text.append((char) c);
    }
    return text.toString();
  }
}
