package org.microvm.virtioserial;

import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes emergency output to the log, line by line, if there is no console for it. The number of
 * lines is limited, because the guest decides how much it writes. Guarded by the device lock.
 */
final class EmergencyLog {
  private static final Logger LOG = LoggerFactory.getLogger(EmergencyLog.class);
  private static final int LINE_BYTES = 256;
  private static final int MAX_LINES = 64;

  private final byte[] line = new byte[LINE_BYTES];
  private int length;
  private int lines;

  void write(byte value) {
    if (lines == MAX_LINES) {
      return;
    }
    if (value != '\n') {
      // Escape sequences of the guest must not reach the terminal of a person who reads the log.
      line[length++] = value >= ' ' && value < 0x7f ? value : (byte) '.';
    }
    if (value == '\n' || length == LINE_BYTES) {
      LOG.info("guest: {}", new String(line, 0, length, StandardCharsets.US_ASCII));
      length = 0;
      lines++;
    }
  }
}
