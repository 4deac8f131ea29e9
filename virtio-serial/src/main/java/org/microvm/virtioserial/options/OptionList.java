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
public final class OptionList {
  private final String kind;
  private final Map<String, String> values;
  private final TreeSet<String> known = new TreeSet<>();

  private OptionList(String kind, Map<String, String> values) {
    this.kind = kind;
    this.values = values;
  }

  /**
   * Parses an option list.
   *
   * @param text the option's text; a list without values is its kind alone
   * @return the list, from which nothing was taken
   * @throws OptionException if a name is missing or given twice
   */
  public static OptionList parse(String text) throws OptionException {
    List<String> parts = split(text);
    Map<String, String> values = new LinkedHashMap<>();
    for (String part : parts.subList(1, parts.size())) {
      int equals = part.indexOf('=');
      String name = equals < 0 ? flagName(part) : part.substring(0, equals);
      String value = equals < 0 ? flagValue(part) : part.substring(equals + 1);
      if (name.isEmpty()) {
        throw new OptionException(
            "\"%s\": a name is missing before \"=%s\"".formatted(text, value));
      }
      if (values.put(name, value) != null) {
        throw new OptionException("\"%s\": %s= is given twice".formatted(text, name));
      }
    }
    return new OptionList(parts.getFirst(), values);
  }

  /**
   * Creates an option list from a kind and named values, for instance those of a JSON object.
   *
   * @param kind the first word of the list
   * @param values the values by name, in the order in which {@link #toString} writes them
   * @return the list, from which nothing was taken
   */
  public static OptionList of(String kind, Map<String, String> values) {
    return new OptionList(kind, new LinkedHashMap<>(values));
  }

  /**
   * {@return the value of a flag: {@code on} or {@code off}}
   *
   * @param on what the flag says
   */
  public static String flag(boolean on) {
    return on ? "on" : "off";
  }

  /** {@return the first word of the list} */
  public String kind() {
    return kind;
  }

  /** {@return the values that were not taken, by name; an unmodifiable view} */
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

  private static String escaped(String part) {
    return part.replace(",", ",,");
  }

  /**
   * Takes an optional value.
   *
   * @param name of the value
   * @return the value; empty if it is not given
   */
  public Optional<String> take(String name) {
    known.add(name);
    return Optional.ofNullable(values.remove(name));
  }

  /**
   * Takes a required value.
   *
   * @param name of the value
   * @return the value, which may be an empty text
   * @throws OptionException if it is not given
   */
  public String need(String name) throws OptionException {
    return take(name).orElseThrow(() -> new OptionException(missing(name)));
  }

  /**
   * Takes an optional path.
   *
   * @param name of the value
   * @return the path; empty if it is not given
   * @throws OptionException if the value is not a path
   */
  public Optional<Path> takePath(String name) throws OptionException {
    Optional<String> value = take(name);
    return value.isPresent() ? Optional.of(path(name, value.get())) : Optional.empty();
  }

  /**
   * Takes a required path.
   *
   * @param name of the value
   * @return the path
   * @throws OptionException if it is not given or not a path
   */
  public Path needPath(String name) throws OptionException {
    return path(name, need(name));
  }

  private Path path(String name, String value) throws OptionException {
    if (value.isEmpty()) {
      throw new OptionException("%s%s= has no value".formatted(place(), name));
    }
    try {
      return Path.of(value);
    } catch (InvalidPathException e) {
      throw new OptionException("%s%s= is not a path: %s".formatted(place(), name, e.getReason()));
    }
  }

  /**
   * Takes a value that is one of a few.
   *
   * @param <T> the type of the choices
   * @param name of the value
   * @param missing the result if the value is missing
   * @param choices the accepted values, in the order in which a refusal lists them
   * @param text returns the text of a value
   * @return the choice whose text is the value, or {@code missing}
   * @throws OptionException if the value is not the text of a choice
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
    List<String> accepted = choices.stream().map(text).toList();
    throw new OptionException(
        "%s%s=%s is neither %s%s"
            .formatted(
                place(),
                name,
                value.get(),
                String.join(" nor ", accepted),
                NearestWord.hint(value.get(), accepted)));
  }

  /**
   * Takes a value that is on or off (yes or no, true or false).
   *
   * @param name of the value
   * @param missing the result if the value is missing
   * @return whether the value is on
   * @throws OptionException if the value is neither on nor off
   */
  public boolean takeFlag(String name, boolean missing) throws OptionException {
    String value = take(name).orElse(missing ? "on" : "off");
    return switch (value) {
      case "on", "yes", "true" -> true;
      case "off", "no", "false" -> false;
      default ->
          throw new OptionException(
              "%s%s=%s is neither on nor off%s"
                  .formatted(place(), name, value, NearestWord.hint(value, List.of("on", "off"))));
    };
  }

  /**
   * Takes a number from 0 to 2147483647. A suffix K, M or G multiplies by a power of 1024.
   *
   * @param name of the value
   * @param missing the result if the value is missing
   * @return the number, or {@code missing}
   * @throws OptionException if the value is not a number or out of range
   */
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
        "%s%s=%s is not a number from 0 to 2147483647".formatted(place(), name, text));
  }

  /**
   * Refuses values that were not taken, because they are unknown.
   *
   * @throws OptionException if a value was not taken; the message names it and those that are
   *     accepted
   */
  public void finish() throws OptionException {
    if (!values.isEmpty()) {
      Map.Entry<String, String> unknown = values.entrySet().iterator().next();
      String hint =
          NearestWord.of(unknown.getKey(), known)
              .map(name -> "; did you mean %s=%s?".formatted(name, unknown.getValue()))
              .orElse("");
      throw new OptionException(
          "%sunknown option %s=; accepted are: %s%s"
              .formatted(place(), unknown.getKey(), String.join(", ", known), hint));
    }
  }

  /** Returns the message about a value that is missing or misspelt. */
  private String missing(String name) {
    String hint =
        NearestWord.of(name, values.keySet())
            .map(given -> "; did you mean %s=%s?".formatted(name, values.get(given)))
            .orElse("");
    return "%sneeds %s=%s".formatted(kind.isEmpty() ? "" : kind + " ", name, hint);
  }

  /** Returns the beginning of a message. */
  private String place() {
    return kind.isEmpty() ? "" : kind + ": ";
  }

  private static String flagName(String part) {
    return isNegated(part) ? part.substring(2) : part;
  }

  private static String flagValue(String part) {
    return isNegated(part) ? "off" : "on";
  }

  private static boolean isNegated(String part) {
    return part.startsWith("no") && part.length() > 2;
  }

  private static List<String> split(String text) {
    List<String> parts = new ArrayList<>();
    StringBuilder part = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != ',') {
        part.append(c);
      } else if (i + 1 < text.length() && text.charAt(i + 1) == ',') {
        part.append(',');
        i++;
      } else {
        parts.add(part.toString());
        part.setLength(0);
      }
    }
    parts.add(part.toString());
    return parts;
  }
}
