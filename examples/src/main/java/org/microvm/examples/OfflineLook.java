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
 * small helper guest mounts the image read-only and sends its package database over a channel.
 *
 * <p>So a maliciously crafted file system can attack only the helper guest's kernel and not the
 * host's. The guest's answer is nevertheless limited in size, and unprintable characters in it are
 * replaced. The databases of dpkg (Debian) and apk (Alpine) are supported; rpm's is not, because it
 * is not text.
 */
public final class OfflineLook {
  private static final String CHANNEL = "org.example.packages";
  private static final int MAX_DATABASE = 64 << 20;
  private static final int MAX_LINE = 64;

  /**
   * The guest's script: tries to mount the disk and each partition with each file system, and sends
   * a line {@code FORMAT SIZE} followed by SIZE bytes. The option noload skips the replay of a
   * journal.
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

  /** Prints name and version of each package in an image. */
  public static void main(String[] args) throws Exception {
    if (args.length != 1) {
      System.err.println("usage: offline-look DISK.img");
      System.exit(2);
    }
    list(Path.of(args[0]), System.out);
  }

  static void list(Path image, PrintStream out) throws Exception {
    packages(image).forEach((name, version) -> out.println(name + " " + version));
  }

  /** Returns the packages and their versions, in the order of the database. */
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
        // After the guest has ended, nothing more arrives, but reading what it sent takes a moment.
        machine.end().thenRun(() -> found.orTimeout(5, TimeUnit.SECONDS));
        return found.orTimeout(3, TimeUnit.MINUTES).join();
      }
    } catch (CompletionException e) {
      Throwable cause = e.getCause();
      String why =
          cause instanceof TimeoutException
              ? "the guest did not answer in time"
              : cause.getMessage();
      throw new IOException(image + ": " + why, e);
    }
  }

  private static Map<String, String> read(Channel channel) {
    try {
      DataInputStream input = new DataInputStream(Channels.newInputStream(channel));
      StringBuilder line = new StringBuilder();
      for (int next = input.read(); next != '\n'; next = input.read()) {
        if (next < 0 || line.length() > MAX_LINE) {
          throw new IOException("the guest sent an invalid answer");
        }
        line.append((char) next);
      }
      if (line.toString().equals("none 0")) {
        throw new IOException("no file system with a dpkg or apk database was found");
      }
      if (!line.toString().matches("(dpkg|apk) [0-9]{1,9}")) {
        throw new IOException("the guest sent an invalid answer");
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
