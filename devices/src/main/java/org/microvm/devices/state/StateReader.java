package org.microvm.devices.state;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Checks a whole state, then returns its sections.
 *
 * <p>The caller takes the sections it knows and then calls {@link #end}, which refuses a state with
 * required sections that were not taken. For one thread only.
 */
public final class StateReader {
  /** The number of bytes that {@link #isState} needs. */
  public static final int MAGIC_BYTES = StateFormat.MAGIC.length;

  /**
   * {@return whether the first bytes of a file are those of a saved state, of any format version}
   *
   * @param beginning the first {@link #MAGIC_BYTES} of the file, or all of a shorter file
   */
  public static boolean isState(byte[] beginning) {
    return Arrays.equals(beginning, StateFormat.MAGIC);
  }

  /**
   * The most bytes of a state: far more than a machine has, and few enough to be held in memory.
   */
  public static final int MAX_BYTES = 64 << 20;

  private record Section(int version, boolean required, ByteBuffer payload) {}

  private final Map<String, Section> sections = new LinkedHashMap<>();

  private StateReader() {}

  /**
   * Reads a state and checks all of it.
   *
   * @param state what {@link StateWriter#toByteArray} has returned; not copied
   * @return a reader from which no section has been taken
   * @throws StateException if it is not a state, has another format version, or is truncated or
   *     damaged
   */
  public static StateReader of(byte[] state) throws StateException {
    StateReader reader = new StateReader();
    ByteBuffer bytes = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
    checkHeader(bytes);
    int count = 0;
    while (reader.readSection(bytes)) {
      if (++count > StateFormat.MAX_SECTIONS) {
        throw new StateException(
            "saved state: it has more than %d sections".formatted(StateFormat.MAX_SECTIONS));
      }
    }
    checkEnd(bytes, count);
    return reader;
  }

  /**
   * {@return whether there is a section of this name that has not been taken}
   *
   * @param name of the section
   */
  public boolean has(String name) {
    return sections.containsKey(name);
  }

  /**
   * Takes a section that must be present.
   *
   * @param name of the section
   * @param version the latest version that the caller knows
   * @return the section's fields
   * @throws StateException if the section is missing or has a later version
   */
  public StateInput take(String name, int version) throws StateException {
    Section section = sections.remove(name);
    if (section == null) {
      throw new StateException("saved state: section " + name + " is missing");
    }
    return input(name, section, version);
  }

  /**
   * Takes a section if it is present; an optional section with a later version counts as absent.
   *
   * @param name of the section
   * @param version the latest version that the caller knows
   * @return the section's fields; empty if the section is absent
   * @throws StateException if the section is required and has a later version
   */
  public Optional<StateInput> takeIfPresent(String name, int version) throws StateException {
    Section section = sections.remove(name);
    if (section == null || (section.version > version && !section.required)) {
      return Optional.empty();
    }
    return Optional.of(input(name, section, version));
  }

  /**
   * Checks that no required section is left once the caller has taken all it knows.
   *
   * @throws StateException if a required section is left
   */
  public void end() throws StateException {
    for (Map.Entry<String, Section> left : sections.entrySet()) {
      if (left.getValue().required) {
        throw new StateException(
            "saved state: section %s is required but not known to this program"
                .formatted(left.getKey()));
      }
    }
  }

  private static StateInput input(String name, Section section, int version) throws StateException {
    if (section.version < 1 || section.version > version) {
      throw new StateException(
          "saved state: section %s has version %d, but this program knows 1 to %d"
              .formatted(name, section.version, version));
    }
    return new StateInput(name, section.version, section.payload);
  }

  private static void checkHeader(ByteBuffer bytes) throws StateException {
    byte[] magic = new byte[StateFormat.MAGIC.length];
    if (bytes.remaining() >= magic.length) {
      bytes.get(magic);
    }
    if (!Arrays.equals(magic, StateFormat.MAGIC)) {
      throw new StateException("this is not a saved state");
    }
    need(bytes, 2 * Integer.BYTES);
    int version = bytes.getInt();
    checkSum(bytes, 0, "header");
    if (version != StateFormat.FORMAT_VERSION) {
      throw new StateException(
          "saved state: it has format version %d, but this program knows only %d"
              .formatted(version, StateFormat.FORMAT_VERSION));
    }
  }

  /** Reads the next section; false at the end. */
  private boolean readSection(ByteBuffer bytes) throws StateException {
    int start = bytes.position();
    need(bytes, Short.BYTES);
    int nameLength = bytes.getShort() & 0xffff;
    if (nameLength == 0) {
      return false;
    }
    if (nameLength > StateFormat.MAX_NAME_BYTES) {
      throw new StateException("saved state: it is damaged at byte " + start);
    }
    need(bytes, nameLength + StateFormat.AFTER_NAME_BYTES);
    byte[] nameBytes = new byte[nameLength];
    bytes.get(nameBytes);
    String name = new String(nameBytes, StandardCharsets.US_ASCII);
    int version = bytes.getShort() & 0xffff;
    int flags = bytes.get() & 0xff;
    bytes.get();
    int length = bytes.getInt();
    if (length < 0 || length > bytes.remaining() - Integer.BYTES) {
      throw new StateException("saved state: it is truncated");
    }
    ByteBuffer payload = bytes.slice(bytes.position(), length);
    bytes.position(bytes.position() + length);
    checkSum(bytes, start, "section " + name);
    boolean required = (flags & StateFormat.FLAG_REQUIRED) != 0;
    if (sections.putIfAbsent(name, new Section(version, required, payload)) != null) {
      throw new StateException("saved state: section %s occurs twice".formatted(name));
    }
    return true;
  }

  private static void checkEnd(ByteBuffer bytes, int count) throws StateException {
    need(bytes, 2 * Integer.BYTES);
    int written = bytes.getInt();
    checkSum(bytes, 0, "end");
    if (written != count || bytes.hasRemaining()) {
      throw new StateException("saved state: its length or number of sections is wrong");
    }
  }

  private static void checkSum(ByteBuffer bytes, int start, String what) throws StateException {
    CRC32C sum = new CRC32C();
    sum.update(bytes.array(), start, bytes.position() - start);
    if (bytes.getInt() != (int) sum.getValue()) {
      throw new StateException("saved state: its %s is damaged".formatted(what));
    }
  }

  private static void need(ByteBuffer bytes, int count) throws StateException {
    if (bytes.remaining() < count) {
      throw new StateException("saved state: it is truncated");
    }
  }
}
