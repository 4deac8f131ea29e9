package org.microvm.firmware.image;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A bzImage (Documentation/arch/x86/boot.rst), whose payload is unpacked here rather than by the
 * decompressor in the guest. This saves time on every host; where KVM emulates the guest's kernel
 * mode, the guest's decompressor takes minutes.
 */
public final class BzImage implements KernelImage {
  /**
   * The most bytes of the payload and of what it unpacks to, which are in memory outside the heap
   * at the same time: a JVM has little of that. Distributions' kernels have less than half of it.
   */
  static final long MAX_BYTES = 192L << 20;

  /** The length of the compressed kernel's trailer, which is the unpacked size in 32 bits. */
  private static final int TRAILER = 4;

  private final SetupHeader header;
  private final ElfKernel elf;

  private BzImage(SetupHeader header, ElfKernel elf) {
    this.header = header;
    this.elf = elf;
  }

  /**
   * Unpacks the kernel.
   *
   * @param source the file, closed on success
   * @param unpackedMax the largest size in bytes that the kernel may have
   * @throws ImageException if it is damaged, too large, or packed in an unknown way
   */
  @SuppressWarnings("MustBeClosed") // the image has it
  static BzImage parse(ByteSource source, SetupHeader header, long unpackedMax)
      throws ImageException {
    Arena arena = Arena.ofConfined();
    try {
      MemorySegment unpacked = unpack(source, header, unpackedMax, arena);
      BzImage image = new BzImage(header, ElfKernel.parse(new MemorySource(unpacked, arena)));
      source.close();
      arena = null;
      return image;
    } finally {
      if (arena != null) {
        arena.close();
      }
    }
  }

  @Override
  public ElfKernel elf() {
    return elf;
  }

  @Override
  public SetupHeader setupHeader() {
    return header;
  }

  @Override
  public void close() {
    elf.close();
  }

  private static MemorySegment unpack(
      ByteSource source, SetupHeader header, long unpackedMax, Arena arena) throws ImageException {
    long length = header.payloadLength();
    if (!source.holds(header.payloadOffset(), length)) {
      throw new ImageException("is truncated: the bzImage's payload ends beyond the file");
    }
    if (length < 2 * TRAILER || length > MAX_BYTES) {
      throw new ImageException("is not a usable bzImage: its payload has " + length + " bytes");
    }
    try (Arena temporary = Arena.ofConfined()) {
      ByteBuffer packed = temporary.allocate(length).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
      source.read(header.payloadOffset(), packed);
      Compression compression = Compression.of(packed.getInt(0));
      long size = packed.getInt((int) length - TRAILER) & 0xffff_ffffL;
      if (size > unpackedMax) {
        throw new ImageException(
            "states an unpacked size of %d MiB, more than guest RAM can hold"
                .formatted(size >> 20));
      }
      if (length + size > MAX_BYTES) {
        throw new ImageException(
            "has a payload of %d MiB that unpacks to %d MiB, together more than %d MiB: start its ELF"
                    .formatted(length >> 20, size >> 20, MAX_BYTES >> 20)
                + " file (vmlinux) instead");
      }
      // In gzip the size is part of the format; Linux appends it to the other formats.
      packed.position(0).limit((int) length - (compression == Compression.GZIP ? 0 : TRAILER));
      MemorySegment unpacked = arena.allocate(size);
      ByteBuffer target = unpacked.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
      compression.unpack(packed, target);
      if (!ElfKernel.recognizes(target)) {
        throw new ImageException("has a payload that is not an ELF image");
      }
      return unpacked;
    } catch (IOException e) {
      throw new ImageException("is damaged, or not compressed as Linux does: " + e.getMessage(), e);
    }
  }
}
