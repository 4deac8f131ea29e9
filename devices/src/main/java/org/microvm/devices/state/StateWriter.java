package org.microvm.devices.state;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;

/** Collects the sections of a state. For one thread only. */
public final class StateWriter {
  private record Section(int version, SectionPolicy policy, StateOutput output) {}

  private final Map<String, Section> sections = new LinkedHashMap<>();

  /** Creates a state without sections. */
  public StateWriter() {}

  /**
   * Begins a section; its fields are written before {@link #toByteArray}.
   *
   * @param name 1 to 64 ASCII characters; unique within the state
   * @param version 1 or higher
   * @param policy what a reader does that does not know the section
   * @return takes the section's fields
   * @throws IllegalArgumentException if the name is empty, too long or in use
   */
  public StateOutput section(String name, int version, SectionPolicy policy) {
    if (name.isEmpty() || name.length() > StateFormat.MAX_NAME_BYTES) {
      throw new IllegalArgumentException("a section's name has 1 to 64 characters, unlike " + name);
    }
    StateOutput output = new StateOutput();
    if (sections.putIfAbsent(name, new Section(version, policy, output)) != null) {
      throw new IllegalArgumentException("there already is a section " + name);
    }
    return output;
  }

  /** Takes an encoded state, piece by piece. */
  @FunctionalInterface
  public interface Sink {
    /**
     * Takes the next bytes.
     *
     * @param piece the bytes, which must not be changed; all are taken
     * @throws IOException if they cannot be written
     */
    void put(ByteBuffer piece) throws IOException;
  }

  /**
   * Encodes the whole state without a copy of it: a state may take a third of the heap, and several
   * may be saved at a time.
   *
   * @param sink takes the sections in the order in which they were begun, with checksums
   * @throws IOException if the sink throws it
   */
  public void writeTo(Sink sink) throws IOException {
    new Encoding(sink).write(sections);
  }

  /**
   * Encodes the whole state, in a single copy of its bytes.
   *
   * @return the sections in the order in which they were begun, with checksums
   */
  public byte[] toByteArray() {
    ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(size()));
    try {
      writeTo(bytes::put);
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
    return bytes.array();
  }

  /**
   * Checks that a reader will accept the state; to be called before {@link #toByteArray} if the
   * size is not known.
   *
   * @throws StateException if it has more than {@link StateReader#MAX_BYTES} bytes
   */
  public void checkSize() throws StateException {
    if (size() > StateReader.MAX_BYTES) {
      throw new StateException(
          "the state has %d bytes, more than %d".formatted(size(), StateReader.MAX_BYTES));
    }
  }

  private long size() {
    long size = (long) StateFormat.HEADER_BYTES + StateFormat.END_BYTES;
    for (Map.Entry<String, Section> section : sections.entrySet()) {
      int header = Short.BYTES + section.getKey().length() + StateFormat.AFTER_NAME_BYTES;
      size += header + section.getValue().output.size() + Integer.BYTES;
    }
    return size;
  }

  /** The encoding of one state. */
  private static final class Encoding {
    private final Sink sink;

    /** Of all bytes so far. */
    private final CRC32C all = new CRC32C();

    Encoding(Sink sink) {
      this.sink = sink;
    }

    void write(Map<String, Section> sections) throws IOException {
      ByteBuffer header = small(StateFormat.HEADER_BYTES);
      putWithSum(header.put(StateFormat.MAGIC).putInt(StateFormat.FORMAT_VERSION));
      for (Map.Entry<String, Section> section : sections.entrySet()) {
        put(section.getKey(), section.getValue());
      }
      putWithSum(small(StateFormat.END_BYTES).putShort((short) 0).putInt(sections.size()));
    }

    private void put(String name, Section section) throws IOException {
      byte[] nameBytes = name.getBytes(StandardCharsets.US_ASCII);
      ByteBuffer header =
          small(Short.BYTES + nameBytes.length + StateFormat.AFTER_NAME_BYTES)
              .putShort((short) nameBytes.length)
              .put(nameBytes)
              .putShort((short) section.version)
              .put(
                  (byte) (section.policy == SectionPolicy.REQUIRED ? StateFormat.FLAG_REQUIRED : 0))
              .put((byte) 0)
              .putInt((int) section.output.size())
              .flip();
      CRC32C sum = new CRC32C();
      put(header, sum);
      for (ByteBuffer piece : section.output.pieces()) {
        put(piece, sum);
      }
      put(small(Integer.BYTES).putInt((int) sum.getValue()).flip(), sum);
    }

    private void put(ByteBuffer piece, CRC32C sum) throws IOException {
      sum.update(piece.duplicate());
      all.update(piece.duplicate());
      sink.put(piece.duplicate());
    }

    /** Puts bytes that a checksum of all bytes follows, for which there is room. */
    private void putWithSum(ByteBuffer bytes) throws IOException {
      all.update(bytes.duplicate().flip());
      bytes.putInt((int) all.getValue());
      sink.put(bytes.flip());
      all.update(bytes.duplicate().position(bytes.limit() - Integer.BYTES));
    }

    private static ByteBuffer small(int bytes) {
      return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
  }
}
