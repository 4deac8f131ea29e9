package org.microvm.machine.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where images are looked for, and how a library's are unpacked. */
class GuestImagesTest {
  private static final String SUM_OF_KERNEL =
      "6923dd1bc0460082c5d55a831908c24a282860b7f1cd6c2b79cf1bc8857c639c"; // of "kernel"

  private static final String LIST =
      Stream.of("vmlinux", "root.img", "cmdline")
          .map(name -> SUM_OF_KERNEL + "  " + name + "\n")
          .collect(Collectors.joining());

  @TempDir Path directory;
  private Path cache;

  @BeforeEach
  void cacheThatDoesNotExist() {
    cache = directory.resolve("cache/microvm/packaged");
  }

  /** Three files, each of which contains the word "kernel". */
  public static final class Library implements GuestImageLibrary {
    private final String content;

    public Library() {
      this("kernel");
    }

    Library(String content) {
      this.content = content;
    }

    @Override
    public InputStream open(String name) {
      return new ByteArrayInputStream(
          (name.equals(LIST) ? GuestImagesTest.LIST : content).getBytes(StandardCharsets.UTF_8));
    }
  }

  /** Prints where images are, for the test that starts several of these processes. */
  static final class Lookup {
    public static void main(String[] args) {
      GuestImages images = GuestImages.installed();
      System.out.println(images.directory() + " " + images.present());
    }
  }

  @Test
  void libraryThatIsUnpacked_isComplete() throws IOException {
    GuestImages images = new GuestImages(UnpackedImages.of(new Library(), cache));

    assertTrue(images.present());
    assertEquals("kernel", Files.readString(images.kernel()));
    assertEquals(cache, images.directory().getParent());
  }

  @Test
  void libraryThatWasUnpacked_isUsedAgain() throws IOException {
    Path first = UnpackedImages.of(new Library(), cache);
    Files.writeString(first.resolve("vmlinux"), "was here before");

    assertEquals(first, UnpackedImages.of(new Library(), cache));
    assertEquals("was here before", Files.readString(first.resolve("vmlinux")));
  }

  @Test
  void damagedFile_isRefusedAndNotKept() throws IOException {
    IOException refused =
        assertThrows(IOException.class, () -> UnpackedImages.of(new Library("kernem"), cache));
    assertTrue(
        refused.getMessage().startsWith("guest image vmlinux is damaged"), refused.getMessage());

    UnpackedImages.of(new Library(), cache);
    try (Stream<Path> entries = Files.list(cache)) {
      assertEquals(2, entries.count(), "the lock and the images");
    }
  }

  @Test
  void libraryWithoutAFile_isNamed() {
    GuestImageLibrary empty = name -> null;

    IOException refused = assertThrows(IOException.class, () -> UnpackedImages.of(empty, cache));
    assertTrue(refused.getMessage().endsWith("has no file SHA256SUMS"), refused.getMessage());
  }

  @Test
  void processesThatStartTogether_findTheLibrarysImagesInOnePlace() throws Exception {
    String library = services(Library.class.getName());

    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      processes.add(lookup(library));
    }
    Set<String> answers = new TreeSet<>();
    for (Process process : processes) {
      answers.add(process.inputReader().readLine());
    }

    assertEquals(1, answers.size(), answers::toString);
    String answer = answers.iterator().next();
    assertTrue(answer.startsWith(cache.toString()), answer);
    assertTrue(answer.endsWith(" true"), answer);
  }

  @Test
  void withoutALibrary_imagesAreTheLastThatWereBuilt() throws Exception {
    String answer = lookup("").inputReader().readLine();

    assertEquals(directory.resolve("cache/microvm/images/current") + " false", answer);
  }

  @Test
  void relativeCacheDirectory_isIgnored() throws Exception {
    ProcessBuilder builder = builder("");
    builder.environment().put("XDG_CACHE_HOME", "cache");
    builder.environment().put("HOME", directory.toString());

    String answer = builder.start().inputReader().readLine();

    assertEquals(directory.resolve(".cache/microvm/images/current") + " false", answer);
  }

  @Test
  void environment_isPreferredToALibrary() throws Exception {
    ProcessBuilder builder = builder(services(Library.class.getName()));
    builder.environment().put(GuestImages.ENVIRONMENT, "/some/images");

    assertEquals("/some/images false", builder.start().inputReader().readLine());
  }

  /** Returns a directory for the class path that names a library for the service loader. */
  private String services(String library) throws IOException {
    Path services = Files.createDirectories(directory.resolve("META-INF/services"));
    Files.writeString(services.resolve(GuestImageLibrary.class.getName()), library);
    return directory.toString();
  }

  private Process lookup(String classPath) throws IOException {
    return builder(classPath).start();
  }

  private ProcessBuilder builder(String classPath) {
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path") + File.pathSeparator + classPath,
                Lookup.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().remove(GuestImages.ENVIRONMENT);
    builder.environment().put("XDG_CACHE_HOME", directory.resolve("cache").toString());
    return builder;
  }
}
