package org.microvm.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The words of one option in QEMU's form: {@code driver,key=value,key=value}.
 *
 * <p>As in QEMU, two commas stand for one comma within a value, and a key alone means {@code
 * key=on}. A key may be given once. {@link #done} refuses the keys that nothing asked for, so that
 * a misspelt word never passes silently.
 */
final class OptionWords {
  private final String option;
  private final String driver;
  private final Map<String, String> values;
  private final List<String> known = new ArrayList<>();

  private OptionWords(String option, String driver, Map<String, String> values) {
    this.option = option;
    this.driver = driver;
    this.values = values;
  }

  /**
   * @param option the option's name for messages, such as {@code --chardev}
   * @param text its value
   */
  static OptionWords parse(String option, String text) {
    List<String> words = split(text);
    String driver = words.removeFirst();
    if (driver.isEmpty()) {
      throw new UsageException(option + " '" + text + "': the first word is missing");
    }
    Map<String, String> values = new LinkedHashMap<>();
    for (String word : words) {
      int equals = word.indexOf('=');
      String key = equals < 0 ? word : word.substring(0, equals);
      String value = equals < 0 ? "on" : word.substring(equals + 1);
      if (key.isEmpty()) {
        throw new UsageException(option + " '" + text + "': a word without a name");
      }
      if (values.put(key, value) != null) {
        throw new UsageException(option + " '" + text + "': " + key + " is given twice");
      }
    }
    return new OptionWords(option, driver, values);
  }

  private static List<String> split(String text) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean doubled = c == ',' && i + 1 < text.length() && text.charAt(i + 1) == ',';
      if (c != ',' || doubled) {
        word.append(c);
        i += doubled ? 1 : 0;
      } else {
        words.add(word.toString());
        word.setLength(0);
      }
    }
    words.add(word.toString());
    return words;
  }

  /** The first word. */
  String driver() {
    return driver;
  }

  /** The value of {@code key}, or {@code fallback}. */
  String text(String key, String fallback) {
    known.add(key);
    return values.getOrDefault(key, fallback);
  }

  /** The value of {@code key}, which must be there and not empty. */
  String required(String key) {
    String value = text(key, "");
    if (value.isEmpty()) {
      throw new UsageException(option + " " + driver + " needs " + key + "=");
    }
    return value;
  }

  /** An on/off word; {@code yes}, {@code true}, {@code no} and {@code false} serve too. */
  boolean flag(String key, boolean fallback) {
    String value = text(key, fallback ? "on" : "off");
    return switch (value) {
      case "on", "yes", "true" -> true;
      case "off", "no", "false" -> false;
      default -> throw bad(key, value, "on or off");
    };
  }

  /** A whole number from {@code least} to {@code most}. */
  long number(String key, long fallback, long least, long most) {
    String value = text(key, null);
    if (value == null) {
      return fallback;
    }
    String range = "a whole number from " + least + " to " + most;
    try {
      long number = Long.parseLong(value);
      if (number < least || number > most) {
        throw bad(key, value, range);
      }
      return number;
    } catch (NumberFormatException e) {
      throw bad(key, value, range);
    }
  }

  /** A size in bytes, with K, M or G behind it if wanted. */
  long size(String key, long fallback) {
    String value = text(key, null);
    return value == null ? fallback : ByteSize.parse(option + " " + driver + " " + key, value, 1);
  }

  /**
   * Ends the reading.
   *
   * @throws UsageException if a key was given that nobody asked for
   */
  void done() {
    for (String key : values.keySet()) {
      if (!known.contains(key)) {
        throw new UsageException(
            option + " " + driver + " has no '" + key + "', only " + String.join(", ", known));
      }
    }
  }

  private UsageException bad(String key, String value, String wanted) {
    return new UsageException(
        option + " " + driver + ": " + key + "=" + value + " is not " + wanted);
  }
}
