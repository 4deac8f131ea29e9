package org.microvm.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files that would need more memory than there is. */
@Timeout(60)
class HostileSymbolsTest {
  private static final int HEADER = 64;
  private static final int SYMBOL = 24;

  @TempDir private Path directory;

  /** An ELF file whose symbols have the ends of one string as their names. */
  private Path elf(int symbols, int string) throws IOException {
    int strings = HEADER + SYMBOL * symbols;
    int sections = strings + string + 1;
    ByteBuffer elf = ByteBuffer.allocate(sections + 2 * HEADER).order(ByteOrder.LITTLE_ENDIAN);
    elf.putInt(0, 0x464c457f).putLong(40, sections);
    elf.putShort(58, (short) HEADER).putShort(60, (short) 2);
    for (int i = 0; i < symbols; i++) {
      int at = HEADER + SYMBOL * i;
      elf.putInt(at, i % string).put(at + 4, (byte) 2).putShort(at + 6, (short) 1);
      elf.putLong(at + 8, i);
    }
    Arrays.fill(elf.array(), strings, strings + string, (byte) 'x');
    elf.putInt(sections + 4, 2).putLong(sections + 24, HEADER);
    elf.putLong(sections + 32, (long) SYMBOL * symbols).putInt(sections + 40, 1);
    elf.putLong(sections + HEADER + 24, strings);
    return Files.write(directory.resolve("elf"), elf.array());
  }

  private static String refusal(Path file) {
    return assertThrows(IOException.class, () -> SymbolTable.read(file)).getMessage();
  }

  @Test
  void namesThatShareALongString_areShortened() throws IOException {
    SymbolTable table = SymbolTable.read(elf(1000, 1 << 20));

    assertEquals(1000, table.size());
    assertEquals("x".repeat(512), table.find(5).orElseThrow());
  }

  @Test
  void moreSymbolsThanAKernelHas_areRefused() throws IOException {
    Path file = elf((1 << 20) + 1, 16);

    assertEquals(file + ": damaged ELF file", refusal(file));
  }

  @Test
  void deviceThatNeverEnds_isRefused() {
    assertEquals("/dev/zero: neither a System.map nor an ELF file", refusal(Path.of("/dev/zero")));
  }

  @Test
  void sparseFileWithoutLines_isRefused() throws IOException {
    Path file = Files.createFile(directory.resolve("map"));
    try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
      channel.position(1L << 32).write(ByteBuffer.wrap(new byte[1]));
    }

    assertEquals(file + ": neither a System.map nor an ELF file", refusal(file));
  }
}
