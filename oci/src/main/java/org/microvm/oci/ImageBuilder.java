package org.microvm.oci;

import com.google.cloud.tools.jib.api.Containerizer;
import com.google.cloud.tools.jib.api.Jib;
import com.google.cloud.tools.jib.api.JibContainer;
import com.google.cloud.tools.jib.api.TarImage;
import com.google.cloud.tools.jib.api.buildplan.AbsoluteUnixPath;
import com.google.cloud.tools.jib.api.buildplan.FileEntriesLayer;
import com.google.cloud.tools.jib.api.buildplan.FilePermissions;
import com.google.cloud.tools.jib.api.buildplan.ImageFormat;
import com.google.cloud.tools.jib.api.buildplan.Platform;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Writes a tarball with an OCI image layout from a directory: {@code ImageBuilder DIRECTORY OUT}.
 *
 * <p>Each directory in {@code DIRECTORY/layers} is the root of a layer, in the order of their
 * names. The files {@code entrypoint}, {@code environment} ({@code NAME=VALUE}), {@code labels}
 * ({@code NAME=VALUE}) and {@code identity} (the image's name and its user) have a value a line.
 * Files keep their permissions and, to the second, their modification times; root owns all of them.
 * The image has no other time than those, so the same directory makes the same image.
 */
public final class ImageBuilder {
  /** Of the image's description. */
  private static final Instant CREATED = Instant.EPOCH;

  private final Path directory;

  private ImageBuilder(Path directory) {
    this.directory = directory;
  }

  /**
   * Writes an image and prints its digest.
   *
   * @param arguments the directory and the tarball
   * @throws Exception if a file cannot be read or written
   */
  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 2) {
      System.err.println("usage: ImageBuilder DIRECTORY OUT");
      System.exit(2);
    }
    Path caches = Files.createTempDirectory("oci");
    try {
      new ImageBuilder(Path.of(arguments[0])).write(Path.of(arguments[1]), caches, System.out);
    } finally {
      delete(caches);
    }
  }

  private void write(Path out, Path caches, PrintStream log) throws Exception {
    List<String> identity = lines("identity");
    JibContainer image =
        Jib.fromScratch()
            .setFormat(ImageFormat.OCI)
            .setPlatforms(Set.of(new Platform("amd64", "linux")))
            .setCreationTime(CREATED)
            .setFileEntriesLayers(layers())
            .setEntrypoint(lines("entrypoint"))
            .setEnvironment(pairs("environment"))
            .setLabels(pairs("labels"))
            .setUser(identity.get(1))
            .setWorkingDirectory(AbsoluteUnixPath.get("/"))
            .containerize(
                Containerizer.to(TarImage.at(out).named(identity.get(0)))
                    .setToolName("microvm")
                    .setOfflineMode(true)
                    .setBaseImageLayersCache(caches.resolve("base"))
                    .setApplicationLayersCache(caches.resolve("layers")));
    log.println(image.getDigest());
  }

  private List<FileEntriesLayer> layers() throws IOException {
    try (Stream<Path> roots = Files.list(directory.resolve("layers"))) {
      List<FileEntriesLayer> layers = new ArrayList<>();
      for (Path root : roots.sorted().toList()) {
        layers.add(layer(root));
      }
      return layers;
    }
  }

  /** Returns a layer. A symbolic link becomes a copy of the file, because Jib has no links. */
  private static FileEntriesLayer layer(Path root) throws IOException {
    FileEntriesLayer.Builder layer =
        FileEntriesLayer.builder().setName(root.getFileName().toString());
    try (Stream<Path> paths = Files.walk(root, FileVisitOption.FOLLOW_LINKS)) {
      for (Path path : paths.filter(path -> !path.equals(root)).sorted().toList()) {
        layer.addEntry(
            path,
            AbsoluteUnixPath.get("/" + root.relativize(path)),
            FilePermissions.fromPosixFilePermissions(Files.getPosixFilePermissions(path)),
            time(path),
            "0:0");
      }
    }
    return layer.build();
  }

  /** Returns a file's modification time. Directories are made when the files are laid out. */
  private static Instant time(Path path) throws IOException {
    return Files.isDirectory(path)
        ? CREATED
        : Instant.ofEpochSecond(Files.getLastModifiedTime(path).toInstant().getEpochSecond());
  }

  private List<String> lines(String file) throws IOException {
    return Files.readAllLines(directory.resolve(file));
  }

  private Map<String, String> pairs(String file) throws IOException {
    Map<String, String> pairs = new LinkedHashMap<>();
    for (String line : lines(file)) {
      int equals = line.indexOf('=');
      pairs.put(line.substring(0, equals), line.substring(equals + 1));
    }
    return pairs;
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.delete(path);
      }
    }
  }
}
