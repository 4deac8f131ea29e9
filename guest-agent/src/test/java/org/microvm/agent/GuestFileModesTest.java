package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Permissions of files that are copied, with an agent whose guest is this host. */
@Timeout(60)
class GuestFileModesTest {
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rw-------");

  @TempDir private Path directory;

  private Path file(String name, String mode) throws IOException {
    Path file = Files.writeString(directory.resolve(name), "content");
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
  }

  private static String mode(Path file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }

  @FunctionalInterface
  private interface Work {
    void with(GuestFiles files) throws IOException;
  }

  private static void with(HostAgent host, Work work) throws IOException {
    try (FakeAgent agent = FakeAgent.playing(host);
        GuestAgent guest = GuestAgent.connect(agent.socket(), Duration.ofSeconds(20))) {
      work.with(guest.files());
      assertEquals(0, host.openFiles());
    }
  }

  private static void with(Work work) throws IOException {
    with(new HostAgent(), work);
  }

  @ParameterizedTest
  @CsvSource({
    "rwxr-xr-x, rwxr-xr-x",
    "rw-r--r--, rw-r--r--",
    "rw-------, rw-------",
    "r--r-----, r--r-----",
    "rwxrwxrwx, rwxr-xr-x",
    "rw-rw-rw-, rw-r--r--"
  })
  void copyIn_newFile_hasTheModeOfItsSourceLess022(String of, String expected) throws IOException {
    Path source = file("source", of);
    Path target = directory.resolve("-it's a target");

    with(files -> files.copyIn(source, target.toString()));

    assertEquals(expected, mode(target));
    assertEquals("content", Files.readString(target));
  }

  @Test
  void copyIn_fileThatIsThere_keepsItsMode() throws IOException {
    Path source = file("source", "rwxr-xr-x");
    Path target = file("target", "rw-rw----");

    with(files -> files.copyIn(source, target.toString()));

    assertEquals("rw-rw----", mode(target));
  }

  @Test
  void copyIn_agentThatRunsNoPrograms_copiesAllTheSame() throws IOException {
    Path source = file("source", "rw-------");
    Path target = directory.resolve("target");

    with(HostAgent.withoutPrograms(), files -> files.copyIn(source, target.toString()));

    assertEquals("content", Files.readString(target));
  }

  @Test
  void create_returnsWhetherThereIsAFile() throws IOException {
    Path target = directory.resolve("target");
    String nowhere = directory.resolve("no/target").toString();

    with(
        HostAgent.withoutPrograms(),
        files -> assertFalse(files.create(target.toString(), PRIVATE)));
    with(
        files -> {
          assertTrue(files.create(target.toString(), PRIVATE));
          assertTrue(files.create(target.toString(), Set.of()));
          assertFalse(files.create(nowhere, PRIVATE));
        });

    assertEquals("rw-------", mode(target));
  }

  @Test
  void copyIn_intoAMissingDirectory_isReportedAsSuch() throws IOException {
    Path source = file("source", "rw-r--r--");
    String nowhere = directory.resolve("no/target").toString();

    with(files -> assertThrows(AgentCommandException.class, () -> files.copyIn(source, nowhere)));
  }

  @ParameterizedTest
  @CsvSource({"rwxr-xr-x", "rw-r--r--", "rw-------", "r--r-----"})
  void copyOut_newFile_hasTheModeOfItsSource(String mode) throws IOException {
    Path source = file("source", mode);
    Path target = directory.resolve("target");

    with(files -> files.copyOut(source.toString(), target));

    assertEquals(mode, mode(target));
    assertEquals("content", Files.readString(target));
  }

  @Test
  void copyOut_nameOfTheGreatestLength_isAccepted() throws IOException {
    Path source = file("source", "rw-r--r--");
    Path target = directory.resolve("x".repeat(255));

    with(files -> files.copyOut(source.toString(), target));

    assertEquals("content", Files.readString(target));
  }

  @ParameterizedTest
  @CsvSource({"no/target, no such directory", "source/target, Not a directory"})
  void copyOut_whereNoFileCanBe_namesTheTargetAndTheReason(String name, String reason)
      throws IOException {
    Path source = file("source", "rw-r--r--");
    Path target = directory.resolve(name);

    with(
        files -> {
          IOException e =
              assertThrows(IOException.class, () -> files.copyOut(source.toString(), target));
          assertEquals(target + ": " + reason, e.getMessage());
        });
  }

  @Test
  void copyOut_toAFullDevice_namesIt() throws IOException {
    Path source = file("source", "rw-r--r--");
    Path full = Path.of("/dev/full");

    with(
        files -> {
          IOException e =
              assertThrows(IOException.class, () -> files.copyOut(source.toString(), full));
          assertEquals("/dev/full: No space left on device", e.getMessage());
        });
  }

  @Test
  void copyOut_umask_applies() throws IOException {
    Path source = file("source", "rw-rw-rw-");
    Path target = directory.resolve("target");
    Path usual = Files.createFile(directory.resolve("usual"));

    with(files -> files.copyOut(source.toString(), target));

    assertEquals(mode(usual), mode(target));
  }

  @Test
  void copyOut_agentThatRunsNoPrograms_makesAUsualFile() throws IOException {
    Path source = file("source", "rwx------");
    Path target = directory.resolve("target");
    Path usual = Files.createFile(directory.resolve("usual"));

    with(HostAgent.withoutPrograms(), files -> files.copyOut(source.toString(), target));

    assertEquals(mode(usual), mode(target));
  }

  @Test
  void copyOut_fileThatIsThere_keepsItsMode() throws IOException {
    Path source = file("source", "rwxr-xr-x");
    Path target = file("target", "rw-rw----");

    with(files -> files.copyOut(source.toString(), target));

    assertEquals("rw-rw----", mode(target));
  }

  @Test
  void copyOut_symbolicLink_staysAndItsFileIsReplaced() throws IOException {
    Path source = file("source", "rw-r--r--");
    Path old = Files.writeString(directory.resolve("old"), "old");
    Path link = Files.createSymbolicLink(directory.resolve("link"), old);

    with(files -> files.copyOut(source.toString(), link));

    assertTrue(Files.isSymbolicLink(link));
    assertEquals("content", Files.readString(old));
  }

  @Test
  void copyOut_fifo_isWrittenToAndStays() throws Exception {
    Path source = file("source", "rw-r--r--");
    Path fifo = directory.resolve("fifo");
    assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
    CompletableFuture<String> read = new CompletableFuture<>();
    Thread reader =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  try {
                    read.complete(Files.readString(fifo));
                  } catch (IOException e) {
                    read.completeExceptionally(e);
                  }
                });

    with(files -> files.copyOut(source.toString(), fifo));

    assertEquals("content", read.get(20, TimeUnit.SECONDS));
    assertFalse(Files.isRegularFile(fifo));
    reader.join();
  }
}
