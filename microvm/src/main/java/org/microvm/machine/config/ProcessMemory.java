package org.microvm.machine.config;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;

/**
 * How much memory this process may use: that of its control groups (cgroups(7), both versions), of
 * its address space (RLIMIT_AS), and of the host.
 *
 * <p>Each start reads this, so it uses neither regular expressions nor streams, whose classes take
 * milliseconds to load.
 *
 * @param bytes the least of them
 * @param origin which one it is, for messages
 */
record ProcessMemory(long bytes, String origin) {
  private static final long PAGE = 4096;
  private static final int MAX_TEXT = 8192;

  /** Such as "max". */
  private static final long NO_LIMIT = Long.MAX_VALUE;

  /** Reads the limits of this process. */
  static ProcessMemory ofProcess() {
    return read(Path.of("/"));
  }

  /** Reads the limits from the files below a directory, which stands for the root. */
  static ProcessMemory read(Path root) {
    String groups = text(root.resolve("proc/self/cgroup"));
    Path mounts = root.resolve("sys/fs/cgroup");
    return new ProcessMemory(NO_LIMIT, "nothing")
        .orLess(host(text(root.resolve("proc/meminfo"))), "the host's memory and swap space")
        .orLess(addressSpace(root), "the limit of its address space (ulimit -v)")
        .orLess(group(mounts, groups, "0::", "memory.max"), "memory.max of its control group")
        .orLess(
            group(mounts.resolve("memory"), groups, ":memory:", "memory.limit_in_bytes"),
            "memory.limit_in_bytes of its control group");
  }

  private ProcessMemory orLess(long other, String what) {
    return other < bytes ? new ProcessMemory(other, what) : this;
  }

  private static long host(String meminfo) {
    long memory = number(meminfo, "MemTotal:");
    long swap = number(meminfo, "SwapTotal:");
    return memory == NO_LIMIT ? NO_LIMIT : memory + (swap == NO_LIMIT ? 0 : swap) << 10;
  }

  /** Returns the address space that is left beyond what the process has. */
  private static long addressSpace(Path root) {
    long limit = number(text(root.resolve("proc/self/limits")), "Max address space");
    if (limit == NO_LIMIT) {
      return NO_LIMIT;
    }
    long pages = number(text(root.resolve("proc/self/statm")), "");
    return pages == NO_LIMIT ? limit : Math.max(0, limit - pages * PAGE);
  }

  /** Returns the least limit of the process's group and those above it. */
  private static long group(Path mount, String groups, String key, String file) {
    int start = groups.indexOf(key);
    if (start < 0) {
      return NO_LIMIT;
    }
    int end = groups.indexOf('\n', start);
    String name = groups.substring(start + key.length(), end < 0 ? groups.length() : end);
    long least = NO_LIMIT;
    while (true) {
      String relative = name.startsWith("/") ? name.substring(1) : name;
      Path limit = mount.resolve(relative).resolve(file);
      least = Math.min(least, number(text(limit), ""));
      if (relative.isEmpty()) {
        return least;
      }
      name = name.substring(0, Math.max(0, name.lastIndexOf('/')));
    }
  }

  /** Returns the number after a word; {@link #NO_LIMIT} if there is none. */
  private static long number(String text, String word) {
    int at = text.indexOf(word);
    if (at < 0) {
      return NO_LIMIT;
    }
    at += word.length();
    while (at < text.length() && text.charAt(at) == ' ') {
      at++;
    }
    int end = at;
    while (end < text.length() && Character.isDigit(text.charAt(end))) {
      end++;
    }
    // The largest numbers, of 19 digits, stand for no limit.
    return end == at || end - at > 18 ? NO_LIMIT : Long.parseLong(text, at, end, 10);
  }

  /** Returns the beginning of a file; empty if it cannot be read. */
  private static String text(Path file) {
    try (Fd fd = Fd.open(file, Fd.READ_ONLY);
        Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(MAX_TEXT);
      long length = Math.max(0, fd.read(buffer));
      byte[] bytes = buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
      return new String(bytes, StandardCharsets.UTF_8);
    } catch (ErrnoException e) {
      return "";
    }
  }
}
