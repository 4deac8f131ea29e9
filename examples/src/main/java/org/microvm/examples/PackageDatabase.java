package org.microvm.examples;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The package databases that are text: paragraphs of lines, one paragraph a package. The text may
 * come from anywhere, so what is no printable ASCII in a name or a version becomes a question mark.
 */
final class PackageDatabase {
  private PackageDatabase() {}

  /** Names and versions of what is installed, from {@code /var/lib/dpkg/status}. */
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

  /** Names and versions from {@code /lib/apk/db/installed}, which has what is installed only. */
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
