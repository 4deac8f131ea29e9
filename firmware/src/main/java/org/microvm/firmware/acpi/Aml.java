package org.microvm.firmware.acpi;

import java.nio.charset.StandardCharsets;

/**
 * The ACPI Machine Language (ACPI 6.5, section 20): each function encodes one term and is named
 * after its operator in the ACPI Source Language (section 19.6).
 */
final class Aml {
  /** The address space of port I/O, as {@link #operationRegion} takes it (section 19.6.100). */
  static final int SYSTEM_IO = 1;

  /** The local variable 0 of a method. */
  static final byte[] LOCAL0 = {0x60};

  private static final byte EXTENDED = 0x5b;
  private static final int NAME_CHARACTERS = 4;

  private static final byte NAME = 0x08;
  private static final byte BYTE_PREFIX = 0x0a;
  private static final byte WORD_PREFIX = 0x0b;
  private static final byte DWORD_PREFIX = 0x0c;
  private static final byte STRING_PREFIX = 0x0d;
  private static final byte SCOPE = 0x10;
  private static final byte BUFFER = 0x11;
  private static final byte PACKAGE = 0x12;
  private static final byte METHOD = 0x14;
  private static final byte STORE = 0x70;
  private static final byte AND = 0x7b;
  private static final byte REGION = (byte) 0x80;
  private static final byte FIELD = (byte) 0x81;
  private static final byte DEVICE = (byte) 0x82;
  private static final byte NOTIFY = (byte) 0x86;
  private static final byte IF = (byte) 0xa0;

  private static final byte NULL_NAME = 0;
  private static final int SERIALIZED = 1 << 3;
  private static final byte BYTE_ACCESS_WRITE_AS_ZEROS = 1 | 2 << 5;

  private Aml() {}

  /** {@code Scope (name) {terms}}. */
  static byte[] scope(String name, byte[]... terms) {
    return join(new byte[] {SCOPE}, sized(join(nameSegment(name), join(terms))));
  }

  /** {@code Device (name) {terms}}. */
  static byte[] device(String name, byte[]... terms) {
    return join(new byte[] {EXTENDED, DEVICE}, sized(join(nameSegment(name), join(terms))));
  }

  /** {@code Name (name, value)}. */
  static byte[] name(String name, byte[] value) {
    return join(new byte[] {NAME}, nameSegment(name), value);
  }

  /** {@code Method (name, arguments, Serialized) {terms}}. */
  static byte[] method(String name, int arguments, byte[]... terms) {
    byte[] flags = {(byte) (arguments | SERIALIZED)};
    return join(new byte[] {METHOD}, sized(join(nameSegment(name), flags, join(terms))));
  }

  /** {@code OperationRegion (name, SystemIO, offset, length)}. */
  static byte[] operationRegion(String name, int space, int offset, int length) {
    return join(
        new byte[] {EXTENDED, REGION},
        nameSegment(name),
        new byte[] {(byte) space},
        integer(offset),
        integer(length));
  }

  /** {@code Field (region, ByteAcc, NoLock, WriteAsZeros) {unit, bits}}, for up to 63 bits. */
  static byte[] field(String region, String unit, int bits) {
    byte[] flags = {BYTE_ACCESS_WRITE_AS_ZEROS};
    return join(
        new byte[] {EXTENDED, FIELD},
        sized(join(nameSegment(region), flags, nameSegment(unit), new byte[] {(byte) bits})));
  }

  /** {@code Store (value, target)}. */
  static byte[] store(byte[] value, byte[] target) {
    return join(new byte[] {STORE}, value, target);
  }

  /** {@code And (left, right)}. */
  static byte[] and(byte[] left, byte[] right) {
    return join(new byte[] {AND}, left, right, new byte[] {NULL_NAME});
  }

  /** {@code If (predicate) {terms}}. */
  static byte[] ifTrue(byte[] predicate, byte[]... terms) {
    return join(new byte[] {IF}, sized(join(predicate, join(terms))));
  }

  /** {@code Notify (object, value)}. */
  static byte[] notify(String object, int value) {
    return join(new byte[] {NOTIFY}, nameSegment(object), integer(value));
  }

  /** {@code Package () {elements}}. */
  static byte[] packageOf(byte[]... elements) {
    byte[] count = {(byte) elements.length};
    return join(new byte[] {PACKAGE}, sized(join(count, join(elements))));
  }

  /** {@code Buffer () {bytes}}. */
  static byte[] buffer(byte[] bytes) {
    return join(new byte[] {BUFFER}, sized(join(integer(bytes.length), bytes)));
  }

  /** A text of ASCII characters. */
  static byte[] string(String text) {
    return join(
        new byte[] {STRING_PREFIX}, text.getBytes(StandardCharsets.US_ASCII), new byte[] {0});
  }

  /** An unsigned number in its shortest encoding (section 20.2.3). */
  static byte[] integer(int value) {
    if (value == 0 || value == 1) {
      return new byte[] {(byte) value};
    }
    if (value >>> Byte.SIZE == 0) {
      return new byte[] {BYTE_PREFIX, (byte) value};
    }
    if (value >>> Short.SIZE == 0) {
      return new byte[] {WORD_PREFIX, (byte) value, (byte) (value >> 8)};
    }
    return new byte[] {
      DWORD_PREFIX, (byte) value, (byte) (value >> 8), (byte) (value >> 16), (byte) (value >> 24)
    };
  }

  /**
   * {@code EisaId (id)}: three letters of five bits and four hexadecimal digits, high byte first
   * (section 19.6.36).
   */
  static byte[] eisaId(String id) {
    int letters = (id.charAt(0) - '@') << 10 | (id.charAt(1) - '@') << 5 | (id.charAt(2) - '@');
    int digits = Integer.parseInt(id, 3, 7, 16);
    return integer(Integer.reverseBytes(letters << Short.SIZE | digits));
  }

  /** A name of up to four characters, filled with underscores (section 20.2.2). */
  static byte[] nameSegment(String name) {
    byte[] segment = {'_', '_', '_', '_'};
    for (int i = 0; i < name.length() && i < NAME_CHARACTERS; i++) {
      segment[i] = (byte) name.charAt(i);
    }
    return segment;
  }

  /** Puts a PkgLength, which counts itself, in front of the bytes (section 20.2.4). */
  private static byte[] sized(byte[] bytes) {
    int length = bytes.length + 1;
    if (length < 1 << 6) {
      return join(new byte[] {(byte) length}, bytes);
    }
    length++;
    if (length < 1 << 12) {
      return join(new byte[] {(byte) (1 << 6 | length & 0xf), (byte) (length >> 4)}, bytes);
    }
    length++;
    return join(
        new byte[] {(byte) (2 << 6 | length & 0xf), (byte) (length >> 4), (byte) (length >> 12)},
        bytes);
  }

  /** Joins terms to a list of terms. */
  static byte[] join(byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    byte[] all = new byte[length];
    int at = 0;
    for (byte[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }
}
