package org.microvm.virtioserial.options;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * A parsed option list such as {@code socket,id=c0,path=/run/c0,server=on,wait=off}: a kind and
 * named values. As in QEMU, a name alone means {@code =on}, a name with the prefix {@code no} means
 * {@code =off}, and two commas stand for one comma within a value.
 *
 * <p>The parser takes the values that it knows; {@link #finish} then refuses the remaining ones.
 */
public final class OptionWords {
  private final String kind;
  private final Map<String, String> values;
  private final TreeSet<String> known = new TreeSet<>();

  private OptionWords(String kind, Map<String, String> values) {
    this.kind = kind;
    this.values = values;
  }

  /** Parses an option list. */
  public static OptionWords parse(String text) throws OptionException {
    List<String> words = split(text);
    Map<String, String> values = new LinkedHashMap<>();
    for (String word : words.subList(1, words.size())) {
      int equals = word.indexOf('=');
      String name = equals < 0 ? flagName(word) : word.substring(0, equals);
      String value = equals < 0 ? flagValue(word) : word.substring(equals + 1);
      if (name.isEmpty()) {
        throw new OptionException(
            "\"%s\": a name is missing before \"=%s\"".formatted(text, value));
      }
      if (values.put(name, value) != null) {
        throw new OptionException("\"%s\": %s= is given twice".formatted(text, name));
      }
    }
    return new OptionWords(words.getFirst(), values);
  }

  /**
   * Creates an option list from a kind and named values, for instance those of a JSON object.
   *
   * @param values the values by name, in the order in which {@link #toString} writes them
   */
  public static OptionWords of(String kind, Map<String, String> values) {
    return new OptionWords(kind, new LinkedHashMap<>(values));
  }

  /** Returns the value of a flag: {@code on} or {@code off}. */
  public static String flag(boolean on) {
    return on ? "on" : "off";
  }

  /** Returns the first word of the list. */
  public String kind() {
    return kind;
  }

  /** Returns the values that were not taken, by name. */
  public Map<String, String> values() {
    return Collections.unmodifiableMap(values);
  }

  /** Returns the kind and the values that were not taken, as {@link #parse} reads them. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(escaped(kind));
    values.forEach(
        (name, value) -> text.append(',').append(escaped(name)).append('=').append(escaped(value)));
    return text.toString();
  }

  private static String escaped(String word) {
    return word.replace(",", ",,");
  }

  /** Takes an optional value. */
  public Optional<String> take(String name) {
    known.add(name);
    return Optional.ofNullable(values.remove(name));
  }

  /** Takes a required value. */
  public String need(String name) throws OptionException {
    return take(name).orElseThrow(() -> new OptionException("%s needs %s=".formatted(kind, name)));
  }

  /** Takes an optional path. */
  public Optional<Path> takePath(String name) throws OptionException {
    Optional<String> value = take(name);
    return value.isPresent() ? Optional.of(path(name, value.get())) : Optional.empty();
  }

  /** Takes a required path. */
  public Path needPath(String name) throws OptionException {
    return path(name, need(name));
  }

  private Path path(String name, String value) throws OptionException {
    try {
      return Path.of(value);
    } catch (InvalidPathException e) {
      throw new OptionException("%s: %s= is not a path: %s".formatted(kind, name, e.getReason()));
    }
  }

  /**
   * Takes a value that is one of a few.
   *
   * @param missing the result if the value is missing
   * @param choices the accepted values, in the order in which a refusal lists them
   * @param text returns the text of a value
   */
  public <T> T takeChoice(String name, T missing, List<T> choices, Function<T, String> text)
      throws OptionException {
    Optional<String> value = take(name);
    if (value.isEmpty()) {
      return missing;
    }
    for (T choice : choices) {
      if (text.apply(choice).equals(value.get())) {
        return choice;
      }
    }
    String accepted = String.join(" nor ", choices.stream().map(text).toList());
    throw new OptionException(
        "%s: %s=%s is neither %s".formatted(kind, name, value.get(), accepted));
  }

  /** Takes a value that is on or off (yes or no, true or false). */
  public boolean takeFlag(String name, boolean missing) throws OptionException {
    String value = take(name).orElse(missing ? "on" : "off");
    return switch (value) {
      case "on", "yes", "true" -> true;
      case "off", "no", "false" -> false;
      default ->
          throw new OptionException("%s: %s=%s is neither on nor off".formatted(kind, name, value));
    };
  }

  /** Takes a number from 0 to 2147483647. A suffix K, M or G multiplies by a power of 1024. */
  public int takeNumber(String name, int missing) throws OptionException {
    Optional<String> value = take(name);
    if (value.isEmpty()) {
      return missing;
    }
    String text = value.get();
    int unit =
        text.isEmpty() ? -1 : "KMG".indexOf(Character.toUpperCase(text.charAt(text.length() - 1)));
    String digits = unit < 0 ? text : text.substring(0, text.length() - 1);
    try {
      long number = Math.multiplyExact(Long.parseLong(digits), 1L << (10 * (unit + 1)));
      if (number >= 0 && number <= Integer.MAX_VALUE) {
        return (int) number;
      }
    } catch (NumberFormatException | ArithmeticException e) {
      // Reported below.
    }
    throw new OptionException(
        "%s: %s=%s is not a number from 0 to 2147483647".formatted(kind, name, text));
  }

  /** Refuses values that were not taken, because they are unknown. */
  public void finish() throws OptionException {
    if (!values.isEmpty()) {
      throw new OptionException(
          "%s: unknown option %s=; accepted are: %s"
              .formatted(kind, values.keySet().iterator().next(), String.join(", ", known)));
    }
  }

  private static String flagName(String word) {
    return isNegated(word) ? word.substring(2) : word;
  }

  private static String flagValue(String word) {
    return isNegated(word) ? "off" : "on";
  }

  private static boolean isNegated(String word) {
    return word.startsWith("no") && word.length() > 2;
  }

  private static List<String> split(String text) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != ',') {
        word.append(c);
      } else if (i + 1 < text.length() && text.charAt(i + 1) == ',') {
        word.append(',');
        i++;
      } else {
        words.add(word.toString());
        word.setLength(0);
      }
    }
    words.add(word.toString());
    return words;
  }
}
