package org.microvm.devices.state;

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

  /**
   * Encodes the whole state, in a single copy of its bytes.
   *
   * @return the sections in the order in which they were begun, with checksums
   */
  public byte[] toByteArray() {
    ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(size())).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(StateFormat.MAGIC).putInt(StateFormat.FORMAT_VERSION);
    putSum(bytes, 0);
    sections.forEach((name, section) -> put(bytes, name, section));
    bytes.putShort((short) 0).putInt(sections.size());
    putSum(bytes, 0);
    return bytes.array();
  }

  /**
   * Checks that a reader will accept the state; to be called before {@link #toByteArray} if the
   * size is not known.
   *
   * @throws StateException if it has more than {@link StateReader#MOST_BYTES} bytes
   */
  public void checkSize() throws StateException {
    if (size() > StateReader.MOST_BYTES) {
      throw new StateException(
          "the state has %d bytes, more than %d".formatted(size(), StateReader.MOST_BYTES));
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

  private static void put(ByteBuffer bytes, String name, Section section) {
    int start = bytes.position();
    byte[] nameBytes = name.getBytes(StandardCharsets.US_ASCII);
    bytes.putShort((short) nameBytes.length).put(nameBytes);
    bytes.putShort((short) section.version);
    bytes.put((byte) (section.policy == SectionPolicy.REQUIRED ? StateFormat.FLAG_REQUIRED : 0));
    bytes.put((byte) 0);
    bytes.putInt((int) section.output.size());
    section.output.copyTo(bytes);
    putSum(bytes, start);
  }

  /** Appends the checksum of the bytes from an index on. */
  private static void putSum(ByteBuffer bytes, int start) {
    CRC32C sum = new CRC32C();
    sum.update(bytes.array(), start, bytes.position() - start);
    bytes.putInt((int) sum.getValue());
  }
}
