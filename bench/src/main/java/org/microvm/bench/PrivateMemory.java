package org.microvm.bench;

import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Private memory of a process, from the text of {@code /proc/PID/smaps} (proc(5)).
 *
 * @param ofFileBytes private pages of the mappings of one file
 * @param otherBytes private pages of all other mappings
 */
record PrivateMemory(long ofFileBytes, long otherBytes) {
  private static final long KIBI = 1024;

  /** The first line of a mapping: its addresses, and the file's path at the end. */
  private static final Pattern MAPPING =
      Pattern.compile("^[0-9a-f]+-[0-9a-f]+ \\S+ \\S+ \\S+ \\S+ *(.*)$");

  private static final Pattern PRIVATE = Pattern.compile("^Private_(?:Clean|Dirty): *(\\d+) kB$");

  static PrivateMemory of(String smaps, Path file) {
    long ofFile = 0;
    long others = 0;
    boolean inFile = false;
    for (String line : smaps.split("\n")) {
      Matcher mapping = MAPPING.matcher(line);
      if (mapping.matches()) {
        inFile = mapping.group(1).equals(file.toString());
        continue;
      }
      Matcher pages = PRIVATE.matcher(line);
      if (pages.matches()) {
        long bytes = Long.parseLong(pages.group(1)) * KIBI;
        ofFile += inFile ? bytes : 0;
        others += inFile ? 0 : bytes;
      }
    }
    return new PrivateMemory(ofFile, others);
  }
}
