package org.microvm.examples;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Parses package databases that are text, with a paragraph of lines for each package. The text is
 * untrusted, so characters in a name or version that are not printable ASCII are replaced by
 * question marks.
 */
final class PackageDatabase {
  private PackageDatabase() {}

  /** Returns names and versions of the installed packages in a {@code /var/lib/dpkg/status}. */
  static Map<String, String> dpkg(String text) {
    Map<String, String> packages = new LinkedHashMap<>();
    for (String paragraph : text.split("\n\n")) {
      String status = field(paragraph, "Status: ");
      if (status.endsWith(" installed")) {
        packages.put(field(paragraph, "Package: "), field(paragraph, "Version: "));
      }
    }
    return packages;
  }

  /**
   * Returns names and versions in a {@code /lib/apk/db/installed}, which lists installed packages
   * only.
   */
  static Map<String, String> apk(String text) {
    Map<String, String> packages = new LinkedHashMap<>();
    for (String paragraph : text.split("\n\n")) {
      if (!field(paragraph, "P:").isEmpty()) {
        packages.put(field(paragraph, "P:"), field(paragraph, "V:"));
      }
    }
    return packages;
  }

  private static String field(String paragraph, String name) {
    return paragraph
        .lines()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(name.length()).replaceAll("[^!-~ ]", "?"))
        .findFirst()
        .orElse("");
  }
}
