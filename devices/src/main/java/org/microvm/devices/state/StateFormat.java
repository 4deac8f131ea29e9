package org.microvm.devices.state;

import java.nio.charset.StandardCharsets;

/** The constants of the format, which the package comment describes. */
final class StateFormat {
  static final byte[] MAGIC = "microvm\0".getBytes(StandardCharsets.US_ASCII);
  static final int FORMAT_VERSION = 1;
  static final int HEADER_BYTES = MAGIC.length + 2 * Integer.BYTES;
  static final int END_BYTES = Short.BYTES + 2 * Integer.BYTES;
  static final int MAX_NAME_BYTES = 64;

  /** Limit of the number of sections: far more than a machine has devices and vCPUs. */
  static final int MAX_SECTIONS = 4096;

  static final int FLAG_REQUIRED = 1;

  /** Version, flags, a zero and the length of the payload: what follows the name. */
  static final int AFTER_NAME_BYTES = 2 * Short.BYTES + Integer.BYTES;

  private StateFormat() {}
}
