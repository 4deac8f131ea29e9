package org.microvm.examples;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.microvm.machine.Machine;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.DiskConfig;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/**
 * Lists the packages that are installed in a disk image without booting it, as libguestfs does: a
 * small guest of our own mounts the image read-only and sends its package database over a channel.
 *
 * <p>So a file system that somebody prepared meets a guest's kernel, not the host's. What comes
 * from the guest is bounded and printed with care all the same. Debian's dpkg and Alpine's apk are
 * known; rpm's database is not text, and is not.
 */
public final class OfflineLook {
  private static final String CHANNEL = "org.example.packages";
  private static final int MAX_DATABASE = 64 << 20;
  private static final int MAX_LINE = 64;

  /**
   * What the guest runs: tries each file system it has on the disk and each of its partitions, and
   * sends a line {@code FORMAT SIZE} and so many bytes. noload: a journal is not replayed.
   */
  private static final String LOOK =
      "until [ -e /dev/virtio-ports/"
          + CHANNEL
          + " ]; do sleep 0.1; done;"
          + " exec 3>/dev/virtio-ports/"
          + CHANNEL
          + "; for d in /dev/vdb*; do for t in ext4,ro,noload ext2,ro erofs,ro; do"
          + " mount -t ${t%%,*} -o nosuid,nodev,noexec,${t#*,} $d /mnt 2>/dev/null || continue;"
          + " for f in dpkg:var/lib/dpkg/status apk:lib/apk/db/installed; do p=/mnt/${f#*:};"
          + " if [ -f $p ]; then echo ${f%%:*} $(wc -c <$p) >&3; cat $p >&3; exit; fi; done;"
          + " umount /mnt; done; done; echo none 0 >&3";

  private OfflineLook() {}

  /** Lists the packages of an image: name and version. */
  public static void main(String[] words) throws Exception {
    if (words.length != 1) {
      System.err.println("usage: offline-look DISK.img");
      System.exit(2);
    }
    list(Path.of(words[0]), System.out);
  }

  static void list(Path image, PrintStream out) throws Exception {
    packages(image).forEach((name, version) -> out.println(name + " " + version));
  }

  /** The packages and their versions, in the database's order. */
  static Map<String, String> packages(Path image) throws Exception {
    ChannelConfig channel = new ChannelConfig(PortConfig.named(CHANNEL), ChannelBackend::new);
    try (Machine machine =
        Machine.create(
            Linux.guest("microvm.run=\"" + LOOK + "\"")
                .disk(new DiskConfig(image, true))
                .channel(channel)
                .build())) {
      machine.start();
      try (Channel packages = machine.channels().openChannel(CHANNEL)) {
        CompletableFuture<Map<String, String>> found =
            CompletableFuture.supplyAsync(() -> read(packages));
        // A guest that has ended says nothing more; what it has sent takes a moment to read.
        machine.end().thenRun(() -> found.orTimeout(5, TimeUnit.SECONDS));
        return found.orTimeout(3, TimeUnit.MINUTES).join();
      }
    } catch (CompletionException e) {
      Throwable cause = e.getCause();
      String why =
          cause instanceof TimeoutException ? "the guest gave no answer" : cause.getMessage();
      throw new IOException(image + ": " + why, e);
    }
  }

  private static Map<String, String> read(Channel channel) {
    try {
      DataInputStream input = new DataInputStream(Channels.newInputStream(channel));
      StringBuilder line = new StringBuilder();
      for (int next = input.read(); next != '\n'; next = input.read()) {
        if (next < 0 || line.length() > MAX_LINE) {
          throw new IOException("the guest's answer makes no sense");
        }
        line.append((char) next);
      }
      if (line.toString().equals("none 0")) {
        throw new IOException("no file system with a dpkg or apk database was found");
      }
      if (!line.toString().matches("(dpkg|apk) [0-9]{1,9}")) {
        throw new IOException("the guest's answer makes no sense");
      }
      String[] parts = line.toString().split(" ");
      int size = Integer.parseInt(parts[1]);
      if (size > MAX_DATABASE) {
        throw new IOException("the package database is larger than 64 MiB");
      }
      String text = new String(input.readNBytes(size), StandardCharsets.UTF_8);
      return parts[0].equals("dpkg") ? PackageDatabase.dpkg(text) : PackageDatabase.apk(text);
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }
}
