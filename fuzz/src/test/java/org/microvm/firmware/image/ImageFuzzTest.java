package org.microvm.firmware.image;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Kernel files of any content, and what their payload unpacks to. */
class ImageFuzzTest {
  private static final int UNPACKED_MAX = 1 << 20;

  private final ByteBuffer unpacked = ByteBuffer.allocateDirect(64 << 10);

  @FuzzTest
  void elf_anyContent_isRefusedOrInTheFile(byte[] input) {
    parse(input, ElfKernel::parse);
  }

  @FuzzTest
  void bzImage_anyContent_isRefusedOrUnpacked(byte[] input) throws ImageException {
    ByteBuffer head =
        ByteBuffer.wrap(input, 0, Math.min(SetupHeader.END, input.length))
            .slice()
            .order(ByteOrder.LITTLE_ENDIAN);
    if (SetupHeader.isIn(head)) {
      parse(input, source -> BzImage.parse(source, SetupHeader.parse(head), UNPACKED_MAX));
    }
  }

  /** The first byte selects the size that is announced. */
  @FuzzTest
  void payload_anyContent_isRefusedOrHasTheSizeThatIsExpected(byte[] input) {
    if (input.length < 5) {
      return;
    }
    ByteBuffer packed = ByteBuffer.allocateDirect(input.length - 1).order(ByteOrder.LITTLE_ENDIAN);
    packed.put(input, 1, input.length - 1).flip();
    unpacked.clear().limit((input[0] & 0xff) * 256);
    try {
      Compression.of(packed.getInt(0)).unpack(packed, unpacked);
    } catch (IOException | ImageException e) {
      return;
    }
  }

  private interface Parser {
    KernelImage parse(ByteSource source) throws ImageException;
  }

  /** An image that is accepted closes its source. */
  private static void parse(byte[] input, Parser parser) {
    Arena arena = Arena.ofConfined();
    MemorySegment bytes = arena.allocate(Math.max(1, input.length)).asSlice(0, input.length);
    MemorySegment.copy(input, 0, bytes, ValueLayout.JAVA_BYTE, 0, input.length);
    ByteSource source = new MemorySource(bytes, arena);
    try {
      parser.parse(source).close();
    } catch (ImageException e) {
      source.close();
    }
  }
}
