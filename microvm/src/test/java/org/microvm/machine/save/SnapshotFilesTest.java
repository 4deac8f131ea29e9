package org.microvm.machine.save;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.linux.Fd;
import org.microvm.machine.memory.MemoryFile;
import org.microvm.machine.memory.MemoryRuns;
import org.microvm.machine.snapshot.Snapshot;

/** The files of a snapshot that is being written. */
@Timeout(60)
class SnapshotFilesTest {
  /** The first bytes of a saved state. */
  private static final String MAGIC = "microvm\0";

  @TempDir private Path parent;

  private Path directory() {
    return parent.resolve("snapshot");
  }

  private SnapshotFiles create() throws IOException {
    return SnapshotFiles.create(directory(), Snapshot.Identity.random());
  }

  private static void writeMemory(SnapshotFiles files, String text) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemoryFile.writeAll(files.memory(), arena.allocateFrom(text).asSlice(0, text.length()), 0);
    }
  }

  private void save(String memory, String state) throws IOException {
    try (SnapshotFiles files = create()) {
      writeMemory(files, memory);
      complete(files, MAGIC + state);
    }
  }

  private String state() throws IOException {
    return Files.readString(directory().resolve("state")).substring(MAGIC.length());
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory())) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void completeSnapshot_hasTwoFilesAndNoOthers() throws IOException {
    save("memory", "state");

    assertEquals(List.of("memory", "state"), names());
    assertEquals("memory", Files.readString(directory().resolve("memory")));
    assertEquals("state", state());
  }

  @Test
  void oldSnapshot_isWholeUntilTheNewOneIsComplete() throws IOException {
    save("old memory", "old state");

    try (SnapshotFiles files = create()) {
      writeMemory(files, "new");
      assertEquals("old memory", Files.readString(directory().resolve("memory")));
      assertEquals("old state", state());
      complete(files, MAGIC + "new state");
    }

    assertEquals("new", Files.readString(directory().resolve("memory")));
    assertEquals("new state", state());
    assertEquals(List.of("memory", "state"), names());
  }

  @Test
  void saveThatFails_leavesTheOldSnapshotAlone() throws IOException {
    save("old memory", "old state");

    try (SnapshotFiles files = create()) {
      writeMemory(files, "new");
    }

    assertEquals(List.of("memory", "state"), names());
    assertEquals("old memory", Files.readString(directory().resolve("memory")));
  }

  @Test
  void saveThatFails_leavesNoDirectoryThatItMade() throws IOException {
    create().close();

    assertFalse(Files.exists(directory()));
  }

  @Test
  void namesThatCannotBeTaken_leaveNoNewFilesBehind() throws IOException {
    Files.createDirectories(directory());

    try (SnapshotFiles files = create()) {
      Files.createDirectories(directory().resolve("memory/in-the-way"));
      assertThrows(DirectoryNotEmptyException.class, () -> complete(files, "x"));
    }

    assertEquals(List.of("memory"), names());
  }

  @Test
  void replacedMemory_staysForWhoHasItOpen() throws IOException {
    save("old memory", "old state");
    try (Fd reader = Fd.open(directory().resolve("memory"), Fd.READ_ONLY);
        Arena arena = Arena.ofConfined()) {
      save("new", "new state");

      MemorySegment bytes = arena.allocate(10);
      assertEquals(10, reader.pread(bytes, 0));
      assertEquals("old memory", UTF_8.decode(bytes.asByteBuffer()).toString());
    }
  }

  @Test
  void fullDevice_isReportedInOneLine() throws IOException {
    try (Fd full = Fd.open(Path.of("/dev/full"), Fd.WRITE_ONLY);
        Arena arena = Arena.ofConfined()) {
      MemorySegment page = arena.allocate(MemoryRuns.PAGE);

      IOException failure =
          assertThrows(IOException.class, () -> MemoryFile.writeAll(full, page, 0));

      assertTrue(failure.getMessage().startsWith("write /dev/full: ENOSPC"), failure.getMessage());
      assertEquals(1, failure.getMessage().lines().count());
    }
  }

  @Test
  void identity_isARandomUuid() throws IOException {
    Snapshot.Identity one = Snapshot.Identity.random();
    Snapshot.Identity other = Snapshot.Identity.random();

    assertEquals(4, one.id().version());
    assertEquals(2, one.id().variant());
    assertNotEquals(one.id(), other.id());
  }

  @ParameterizedTest
  @ValueSource(strings = {"state", "memory"})
  void fileOfAnotherProgram_isNotOverwritten(String name) throws IOException {
    Files.createDirectories(directory());
    Files.writeString(directory().resolve(name), "precious");

    IOException refusal = assertThrows(IOException.class, this::create);

    assertTrue(refusal.getMessage().contains(name), refusal.getMessage());
    assertEquals(List.of(name), names());
    assertEquals("precious", Files.readString(directory().resolve(name)));
  }

  @Test
  void directoryWithoutAName_isRefused() {
    assertThrows(
        IOException.class, () -> SnapshotFiles.create(Path.of(""), Snapshot.Identity.random()));
  }

  private static void complete(SnapshotFiles files, String state) throws IOException {
    files.complete(sink -> sink.put(ByteBuffer.wrap(state.getBytes(UTF_8))));
  }
}
