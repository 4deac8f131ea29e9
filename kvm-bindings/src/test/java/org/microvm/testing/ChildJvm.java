package org.microvm.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Commands that run a program in another JVM, with the classes of this one. */
public final class ChildJvm {
  private ChildJvm() {}

  /**
   * {@return the words of a command}
   *
   * @param main the program
   * @param arguments of the program
   */
  public static List<String> command(Class<?> main, String... arguments) {
    return command(List.of(), main, arguments);
  }

  /**
   * {@return the words of a command, to which further arguments may be added}
   *
   * @param options of the JVM
   * @param main the program
   * @param arguments of the program
   */
  public static List<String> command(List<String> options, Class<?> main, String... arguments) {
    List<String> words = new ArrayList<>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // The program lives for seconds, and several of them at a time.
    words.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    words.add("--enable-native-access=ALL-UNNAMED");
    words.addAll(options);
    words.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    words.addAll(List.of(arguments));
    return words;
  }
}
