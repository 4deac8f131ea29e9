package org.microvm.machine.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcessMemoryTest {
  private static final long MIB = 1 << 20;

  @TempDir private Path root;

  private void file(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private ProcessMemory read() {
    return ProcessMemory.read(root);
  }

  @Test
  void host_memoryAndSwapSpace() throws Exception {
    file("proc/meminfo", "MemTotal:  1024 kB\nMemFree: 9 kB\nSwapTotal:   1024 kB\n");

    assertEquals(2 * MIB, read().bytes());
    assertTrue(read().origin().contains("host"), read().origin());
  }

  @Test
  void nothingToRead_isNoLimit() {
    assertEquals(Long.MAX_VALUE, read().bytes());
  }

  @Test
  void secondVersion_leastLimitOfTheGroupsAbove() throws Exception {
    file("proc/self/cgroup", "0::/a/b\n");
    file("sys/fs/cgroup/memory.max", "max\n");
    file("sys/fs/cgroup/a/memory.max", (512 * MIB) + "\n");
    file("sys/fs/cgroup/a/b/memory.max", (600 * MIB) + "\n");

    assertEquals(512 * MIB, read().bytes());
    assertTrue(read().origin().startsWith("memory.max"), read().origin());
  }

  @Test
  void firstVersion_hasItsOwnFile() throws Exception {
    file("proc/self/cgroup", "4:memory:/c\n1:cpu,cpuacct:/c\n0::/\n");
    file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    file("sys/fs/cgroup/memory/c/memory.limit_in_bytes", (300 * MIB) + "\n");

    assertEquals(300 * MIB, read().bytes());
  }

  @Test
  void addressSpace_lessWhatTheProcessHas() throws Exception {
    file(
        "proc/self/limits", "Max address space         8388608              unlimited     bytes\n");
    file("proc/self/statm", "1024 5 5 5 0 5 0\n");

    assertEquals(4 * MIB, read().bytes());
  }

  @Test
  void thisProcess_hasALimit() {
    assertTrue(ProcessMemory.ofProcess().bytes() > 64 * MIB);
    assertTrue(ProcessMemory.ofProcess().bytes() < Long.MAX_VALUE);
  }
}
