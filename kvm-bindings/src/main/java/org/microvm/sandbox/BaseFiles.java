package org.microvm.sandbox;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** The files that every machine's process needs. */
final class BaseFiles {
  /** Devices that a machine opens at any time, such as for a reset or for a channel on a pty. */
  private static final List<String> DEVICES =
      List.of("/dev/kvm", "/dev/null", "/dev/ptmx", "/dev/pts", "/dev/random", "/dev/urandom");

  /**
   * What the JVM and libc read: limits and load of the host, libraries, time zones, and how to look
   * up names of hosts and users. /etc as a whole would include the host's secrets.
   */
  private static final List<String> SYSTEM =
      List.of(
          "/proc",
          "/sys",
          "/usr",
          "/lib",
          "/lib64",
          "/etc/alternatives",
          "/etc/gai.conf",
          "/etc/group",
          "/etc/host.conf",
          "/etc/hosts",
          "/etc/ld.so.cache",
          "/etc/localtime",
          "/etc/nsswitch.conf",
          "/etc/passwd",
          "/etc/resolv.conf",
          "/etc/services",
          "/etc/ssl",
          "/etc/timezone",
          "/run/systemd/resolve");

  /** Directories of the system in the root directory, which hold no snapshot and no socket. */
  static final Set<String> NOT_WRITABLE =
      Set.of(
          "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys",
          "usr");

  /** A file system in memory, the fastest place to write a snapshot to. */
  private static final File SHARED_MEMORY = new File("/dev/shm");

  private BaseFiles() {}

  /** Adds the devices. */
  static void addDevices(FileRules rules) {
    DEVICES.forEach(device -> addIfThere(rules, device));
  }

  private static void addIfThere(FileRules rules, String device) {
    if (new File(device).exists()) {
      rules.write(Path.of(device));
    }
  }

  /** Adds what the JVM and the program read: the JDK, the jars, and the system's files. */
  static void addProgram(FileRules rules) {
    SYSTEM.forEach(path -> rules.read(Path.of(path)));
    rules.read(Path.of(System.getProperty("java.home")));
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      if (!entry.isEmpty()) {
        Path path = Path.of(entry).toAbsolutePath();
        rules.read(path.toString().endsWith(".jar") ? path.getParent() : path);
      }
    }
  }

  /** Allows files to be created everywhere except in the directories of the system. */
  static void addWritableRoot(FileRules rules) {
    String[] names = new File("/").list();
    for (String name : names == null ? new String[0] : names) {
      if (!NOT_WRITABLE.contains(name) && new File("/", name).isDirectory()) {
        rules.create(Path.of("/", name));
      }
    }
    if (SHARED_MEMORY.isDirectory()) {
      rules.create(SHARED_MEMORY.toPath());
    }
  }
}
