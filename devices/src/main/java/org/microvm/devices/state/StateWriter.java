package org.microvm.devices.state;

import java.io.ByteArrayOutputStream;
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
   * Encodes the whole state.
   *
   * @return the sections in the order in which they were begun, with checksums
   */
  public byte[] toByteArray() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ByteBuffer header = buffer(StateFormat.HEADER_BYTES);
    header.put(StateFormat.MAGIC).putInt(StateFormat.FORMAT_VERSION);
    bytes.writeBytes(checked(header));
    sections.forEach((name, section) -> bytes.writeBytes(encode(name, section)));
    CRC32C all = new CRC32C();
    ByteBuffer end = buffer(StateFormat.END_BYTES);
    end.putShort((short) 0).putInt(sections.size());
    all.update(bytes.toByteArray());
    all.update(end.array(), 0, end.position());
    end.putInt((int) all.getValue());
    bytes.writeBytes(end.array());
    return bytes.toByteArray();
  }

  private static byte[] encode(String name, Section section) {
    byte[] nameBytes = name.getBytes(StandardCharsets.US_ASCII);
    byte[] payload = section.output.toByteArray();
    int length = Short.BYTES + nameBytes.length + StateFormat.AFTER_NAME_BYTES + payload.length;
    ByteBuffer bytes = buffer(length + Integer.BYTES);
    bytes.putShort((short) nameBytes.length).put(nameBytes);
    bytes.putShort((short) section.version);
    bytes.put((byte) (section.policy == SectionPolicy.REQUIRED ? StateFormat.FLAG_REQUIRED : 0));
    bytes.put((byte) 0);
    bytes.putInt(payload.length).put(payload);
    return checked(bytes);
  }

  /** Appends the checksum of the bytes so far, which fills the buffer. */
  private static byte[] checked(ByteBuffer bytes) {
    CRC32C sum = new CRC32C();
    sum.update(bytes.array(), 0, bytes.position());
    bytes.putInt((int) sum.getValue());
    return bytes.array();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
