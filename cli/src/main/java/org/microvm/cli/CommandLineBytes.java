package org.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.TypeConversionException;

/**
 * The process's arguments as the kernel has them. The JVM decodes them by the locale's charset and
 * replaces what is not in it.
 */
final class CommandLineBytes {
  private static final Path KERNELS = Path.of("/proc/self/cmdline");
  private static final char REPLACED = '\ufffd';

  private CommandLineBytes() {}

  /** Returns the arguments with all bytes, as {@link ByteText}. */
  static String[] exact(String... decoded) {
    if (Arrays.stream(decoded).noneMatch(arg -> arg.indexOf(REPLACED) >= 0)) {
      return decoded;
    }
    try {
      return last(decoded, Files.readAllBytes(KERNELS));
    } catch (IOException e) {
      return decoded; // /proc is not mounted.
    }
  }

  /** Returns as many of the last arguments as were decoded; each ends with a zero byte. */
  static String[] last(String[] decoded, byte[] commandLine) {
    List<String> all = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < commandLine.length; i++) {
      if (commandLine[i] == 0) {
        all.add(ByteText.of(Arrays.copyOfRange(commandLine, start, i)));
        start = i + 1;
      }
    }
    return all.size() < decoded.length
        ? decoded
        : all.subList(all.size() - decoded.length, all.size()).toArray(String[]::new);
  }

  /**
   * Refuses bytes that are not UTF-8 in the values of options and in parameters, such as names of
   * files. The words of a program's command line, of which there can be any number, may be any
   * bytes.
   *
   * @throws ParameterException if there are some
   */
  static void refuseIn(ParseResult result) {
    for (ParseResult at = result; at != null; at = at.subcommand()) {
      for (ArgSpec arg : at.matchedArgs()) {
        if (arg.isPositional() && arg.arity().isVariable()) {
          continue;
        }
        for (String value : arg.originalStringValues()) {
          if (ByteText.hasBytes(value)) {
            throw new ParameterException(
                at.commandSpec().commandLine(),
                "%s: '%s' is not UTF-8; only arguments after -- may contain other bytes"
                    .formatted(name(arg), ByteText.shown(value)));
          }
        }
      }
    }
  }

  private static String name(ArgSpec arg) {
    return arg instanceof OptionSpec option ? option.longestName() : arg.paramLabel();
  }

  /** Converts the value of an option or parameter to a path. */
  static Path path(String text) {
    if (text.isEmpty()) {
      throw new TypeConversionException("a file name must not be empty");
    }
    if (ByteText.hasBytes(text)) {
      throw new TypeConversionException(
          "'%s' is not UTF-8, which names of files must be".formatted(ByteText.shown(text)));
    }
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(
          "'%s' cannot be the name of a file in this locale; set LC_ALL=C.UTF-8".formatted(text));
    }
  }
}
