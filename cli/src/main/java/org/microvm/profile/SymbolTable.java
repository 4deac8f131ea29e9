package org.microvm.profile;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Names of guest addresses, from a System.map or the symbol table of an ELF file. */
public final class SymbolTable {
  private static final int ELF_MAGIC = 0x464c457f;

  /** An address farther than this above a symbol does not belong to it. */
  private static final long MAX_BYTES = 1 << 20;

  /** A kernel with its modules has a fifth of them. */
  static final int MAX_SYMBOLS = 1 << 20;

  private static final long MAX_MAP_BYTES = 64 << 20;

  private final TreeMap<Long, String> names;

  private SymbolTable(TreeMap<Long, String> names) {
    this.names = names;
  }

  /** An empty table. */
  public static SymbolTable empty() {
    return new SymbolTable(newNames());
  }

  private static TreeMap<Long, String> newNames() {
    return new TreeMap<>(Long::compareUnsigned);
  }

  /**
   * Reads a System.map or an ELF file; the content decides which.
   *
   * @throws IOException if it cannot be read, or is neither
   */
  public static SymbolTable read(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer start = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      channel.read(start, 0);
      if (start.position() == Integer.BYTES && start.getInt(0) == ELF_MAGIC) {
        ByteBuffer elf = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
        return new SymbolTable(ElfSymbols.read(elf.order(ByteOrder.LITTLE_ENDIAN), newNames()));
      }
    } catch (IndexOutOfBoundsException | IllegalArgumentException | InternalError e) {
      // An InternalError: the file has become shorter while it was read.
      throw new IOException(file + ": damaged ELF file", e);
    }
    // The names are read to their end, and a device has none.
    if (!Files.isRegularFile(file) || Files.size(file) > MAX_MAP_BYTES) {
      throw neither(file, null);
    }
    return systemMap(file);
  }

  private static SymbolTable systemMap(Path file) throws IOException {
    TreeMap<Long, String> names = newNames();
    try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        String[] options = line.split(" ", 4);
        if (options.length < 3 || options[1].length() != 1 || names.size() == MAX_SYMBOLS) {
          throw neither(file, null);
        }
        // Code only: data and the absolute per-CPU symbols do not name code.
        if ("tTwW".contains(options[1])) {
          names.putIfAbsent(Long.parseUnsignedLong(options[0], 16), options[2]);
        }
      }
    } catch (NumberFormatException e) {
      throw neither(file, e);
    }
    return new SymbolTable(names);
  }

  private static IOException neither(Path file, Exception cause) {
    return new IOException(file + ": neither a System.map nor an ELF file", cause);
  }

  /** The number of symbols. */
  public int size() {
    return names.size();
  }

  /** The symbol that an address belongs to. */
  public Optional<String> find(long address) {
    Map.Entry<Long, String> below = names.floorEntry(address);
    return below == null || address - below.getKey() > MAX_BYTES
        ? Optional.empty()
        : Optional.of(below.getValue());
  }
}
