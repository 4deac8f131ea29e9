package org.microvm.machine.board;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.UUID;
import org.microvm.firmware.acpi.AcpiHardware;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.memory.GuestMemory;
import org.microvm.memory.GuestMemoryException;

/**
 * The identifier of the guest's generation (Microsoft's "Virtual Machine Generation ID"): it
 * changes whenever the guest continues from a snapshot, so that two guests that began as one do not
 * use the same random numbers. Linux: drivers/virt/vmgenid.c.
 */
final class VmGeneration {
  private static final int BYTES = 16;
  private static final Path RANDOM = Path.of("/dev/urandom");

  /** Null until the guest has been given one. */
  private UUID id;

  /** Returns the identifier; null if the guest has none. */
  UUID id() {
    return id;
  }

  /** Makes a new identifier. */
  void renew() throws ErrnoException {
    byte[] bytes = new byte[BYTES];
    // Not by UUID.randomUUID, whose classes take 30 ms to load.
    try (Fd random = Fd.open(RANDOM, Fd.READ_ONLY);
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(BYTES);
      ErrnoException.check(random.read(buffer), "read", random);
      MemorySegment.ofArray(bytes).copyFrom(buffer);
    }
    UUID drawn = of(bytes);
    // Version 4, variant 1 (RFC 9562, section 5.4).
    id =
        new UUID(
            drawn.getMostSignificantBits() & ~0xf000L | 0x4000L,
            drawn.getLeastSignificantBits() & Long.MAX_VALUE >>> 1 | Long.MIN_VALUE);
  }

  /** Writes the identifier to the guest's memory; the first time, makes it. */
  void store(GuestMemory memory) throws ErrnoException {
    if (id == null) {
      renew();
    }
    try {
      memory.write(AcpiHardware.GENERATION_ID, MemorySegment.ofArray(bytes()));
      // Below 3 GiB, the offset in the file is the address.
      memory.dirtyPages().mark(AcpiHardware.GENERATION_ID, BYTES);
    } catch (GuestMemoryException e) {
      throw new IllegalStateException(e); // every guest has memory below 1 MiB
    }
  }

  /** Takes the identifier from the memory of a guest that has migrated. */
  void load(GuestMemory memory) {
    try {
      byte[] bytes = new byte[BYTES];
      MemorySegment.ofArray(bytes).copyFrom(memory.slice(AcpiHardware.GENERATION_ID, BYTES));
      id = of(bytes);
    } catch (GuestMemoryException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The bytes in memory: the first three groups of the text are little-endian numbers. */
  private byte[] bytes() {
    long high = id.getMostSignificantBits();
    return ByteBuffer.allocate(BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt((int) (high >>> 32))
        .putShort((short) (high >>> 16))
        .putShort((short) high)
        .order(ByteOrder.BIG_ENDIAN)
        .putLong(id.getLeastSignificantBits())
        .array();
  }

  private static UUID of(byte[] bytes) {
    ByteBuffer source = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long high =
        Integer.toUnsignedLong(source.getInt()) << 32
            | Short.toUnsignedLong(source.getShort()) << 16
            | Short.toUnsignedLong(source.getShort());
    return new UUID(high, source.order(ByteOrder.BIG_ENDIAN).getLong());
  }
}
