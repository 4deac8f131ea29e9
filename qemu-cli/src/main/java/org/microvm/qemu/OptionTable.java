package org.microvm.qemu;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.microvm.virtioserial.options.NearestWord;
import org.microvm.virtioserial.options.OptionException;

/** The supported options and their handlers. An option has one dash or two. */
final class OptionTable {
  /** Handles the value of an option; null for an option without a value. */
  @FunctionalInterface
  interface Handler {
    void accept(String value) throws Refusal, OptionException;
  }

  /**
   * An option of a command line.
   *
   * @param name without dashes
   * @param value or null
   */
  record Given(String name, String value) {
    String option() {
      return "-" + name;
    }
  }

  private record Entry(boolean takesValue, String label, Handler handler) {}

  private final Map<String, Entry> entries = new LinkedHashMap<>();

  /** Adds an option without a value. */
  void flag(String name, Runnable action) {
    entries.put(name, new Entry(false, "", value -> action.run()));
  }

  /** Adds an option with a value, for which the help shows a label. */
  void value(String name, String label, Handler handler) {
    entries.put(name, new Entry(true, label, handler));
  }

  /** Adds options without a value that have no effect here. */
  void accept(String... names) {
    for (String name : names) {
      flag(name, () -> {});
    }
  }

  /** Adds options whose value has no effect here. */
  void acceptValue(String... names) {
    for (String name : names) {
      value(name, "...", value -> {});
    }
  }

  /** Adds an option that is always refused. */
  void refuse(String name, boolean takesValue, String reason) {
    entries.put(
        name,
        new Entry(
            takesValue,
            "",
            value -> {
              throw new Refusal("-" + name, value, reason);
            }));
  }

  /** Splits a command line into options and their values. */
  List<Given> read(List<String> words) throws Refusal {
    List<Given> given = new ArrayList<>();
    for (int i = 0; i < words.size(); i++) {
      String word = words.get(i);
      if (!word.startsWith("-") || word.equals("-")) {
        throw new Refusal(
            word, null, "a disk image needs an option here: -drive file=...,if=virtio");
      }
      String name = word.replaceFirst("^--?", "");
      Entry entry = entries.get(name);
      if (entry == null) {
        List<String> known = entries.keySet().stream().map(one -> "-" + one).toList();
        throw new Refusal(word, null, "invalid option" + NearestWord.hint("-" + name, known));
      }
      if (!entry.takesValue()) {
        given.add(new Given(name, null));
      } else if (i + 1 < words.size()) {
        given.add(new Given(name, words.get(++i)));
      } else {
        throw new Refusal(word, null, "requires an argument");
      }
    }
    return given;
  }

  /** Runs the handler of an option. */
  void run(Given given) throws Refusal {
    try {
      entries.get(given.name()).handler().accept(given.value());
    } catch (OptionException e) {
      throw new Refusal(given.option(), given.value(), e.getMessage());
    }
  }

  /** The lines of the help, one for each option that is not always refused. */
  String help() {
    StringBuilder text = new StringBuilder();
    entries.forEach(
        (name, entry) -> {
          if (!entry.takesValue() || !entry.label().isEmpty()) {
            text.append('-').append(name).append(' ').append(entry.label()).append('\n');
          }
        });
    return text.toString().replace(" \n", "\n");
  }
}
