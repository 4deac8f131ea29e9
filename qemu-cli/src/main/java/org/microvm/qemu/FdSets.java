package org.microvm.qemu;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.microvm.virtioserial.options.OptionException;
import org.microvm.virtioserial.options.OptionList;

/**
 * The sets of descriptors that {@code -add-fd} makes. A path {@code /dev/fdset/N} stands for one of
 * them: the file is opened again through /proc, which checks its permissions again.
 */
final class FdSets {
  private static final Pattern PATH = Pattern.compile("/dev/fdset/([0-9]+)");
  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");

  /** The first descriptor of each set. */
  private final Map<String, String> sets = new LinkedHashMap<>();

  void addTo(OptionTable table) {
    table.value("add-fd", "fd=FD,set=SET[,opaque=TEXT]", this::add);
  }

  private void add(String value) throws OptionException {
    OptionList options = OptionValue.parse(value, "");
    String fd = number("fd", options.need("fd"));
    String set = number("set", options.need("set"));
    options.take("opaque");
    options.finish();
    sets.putIfAbsent(set, fd);
  }

  private static String number(String name, String text) throws OptionException {
    if (!NUMBER.matcher(text).matches()) {
      throw new OptionException("%s=%s is not a number".formatted(name, text));
    }
    return text;
  }

  /** Returns what a path stands for; most stand for themselves. */
  String path(String path) throws OptionException {
    Matcher matcher = PATH.matcher(path);
    if (!matcher.matches()) {
      return path;
    }
    String fd = sets.get(matcher.group(1));
    if (fd == null) {
      throw new OptionException("%s: no -add-fd has set=%s".formatted(path, matcher.group(1)));
    }
    return "/proc/self/fd/" + fd;
  }
}
