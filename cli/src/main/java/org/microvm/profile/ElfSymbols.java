package org.microvm.profile;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** The symbol table of a 64-bit ELF file (System V ABI, chapters 4 and 5). */
final class ElfSymbols {
  private static final int SECTION_OFFSET = 40;
  private static final int SECTION_SIZE = 58;
  private static final int SECTION_COUNT = 60;
  private static final int TYPE_SYMTAB = 2;
  private static final int SYMBOL_BYTES = 24;
  private static final int TYPE_MASK = 15;
  private static final int NO_TYPE = 0;
  private static final int FUNCTION = 2;

  /** KSYM_NAME_LEN of Linux. All names of a damaged file may be as long as the file. */
  private static final int MAX_NAME_BYTES = 512;

  private ElfSymbols() {}

  static <M extends Map<Long, String>> M read(ByteBuffer elf, M names) {
    int sections = (int) elf.getLong(SECTION_OFFSET);
    int size = elf.getShort(SECTION_SIZE);
    for (int i = 0; i < elf.getShort(SECTION_COUNT); i++) {
      int header = sections + i * size;
      if (elf.getInt(header + 4) == TYPE_SYMTAB) {
        int strings = sections + elf.getInt(header + 40) * size;
        readTable(elf, header, (int) elf.getLong(strings + 24), names);
      }
    }
    return names;
  }

  private static void readTable(ByteBuffer elf, int header, int strings, Map<Long, String> names) {
    int start = (int) elf.getLong(header + 24);
    int end = start + (int) elf.getLong(header + 32);
    for (int at = start; at + SYMBOL_BYTES <= end; at += SYMBOL_BYTES) {
      int type = elf.get(at + 4) & TYPE_MASK;
      boolean defined = elf.getShort(at + 6) != 0;
      // Assembler labels have no type.
      if (defined && (type == FUNCTION || type == NO_TYPE)) {
        String name = string(elf, strings + elf.getInt(at));
        if (names.size() == SymbolTable.MAX_SYMBOLS) {
          throw new IllegalArgumentException("too many symbols");
        }
        if (!name.isEmpty()) {
          names.putIfAbsent(elf.getLong(at + 8), name);
        }
      }
    }
  }

  private static String string(ByteBuffer elf, int start) {
    int end = start;
    while (end - start < MAX_NAME_BYTES && elf.get(end) != 0) {
      end++;
    }
    byte[] bytes = new byte[end - start];
    elf.get(start, bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
