package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which snapshots' options count as this user's own. */
class SnapshotKeyTest {
  private static final List<String> OPTIONS =
      List.of("--chardev", "file,id=a,path=/a", "--memory", "16M");

  @TempDir private Path directory;

  private Path file() {
    return directory.resolve("state/microvm/snapshot-key");
  }

  @ParameterizedTest
  @CsvSource({
    "/state, /home/a, /state/microvm/snapshot-key",
    "'', /home/a, /home/a/.local/state/microvm/snapshot-key",
    "state, /home/a, /home/a/.local/state/microvm/snapshot-key",
    "./state, home, /root/.local/state/microvm/snapshot-key"
  })
  void key_isInAnAbsoluteDirectory(String state, String home, String expected) {
    String before = System.setProperty("user.home", "/root");
    Path file = SnapshotKey.file(Map.of("XDG_STATE_HOME", state, "HOME", home));
    System.setProperty("user.home", before);

    assertEquals(Path.of(expected), file);
  }

  @Test
  void key_isCreatedOnceForThisUserAlone() throws Exception {
    byte[] key = SnapshotKey.readOrCreate(file());

    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file())));
    assertArrayEquals(key, SnapshotKey.readOrCreate(file()));
    try (var files = Files.list(file().getParent())) {
      assertEquals(List.of(file()), files.toList());
    }
  }

  @Test
  void key_thatOthersCanRead_isNotUsed() throws Exception {
    SnapshotKey.readOrCreate(file());
    Files.setPosixFilePermissions(file(), PosixFilePermissions.fromString("rw-r-----"));

    assertThrows(IOException.class, () -> SnapshotKey.readOrCreate(file()));
  }

  @Test
  void key_thatIsCutOff_isNotUsed() throws Exception {
    SnapshotKey.readOrCreate(file());
    Files.write(file(), new byte[15]);

    assertThrows(IOException.class, () -> SnapshotKey.readOrCreate(file()));
  }

  @Test
  void seal_isValidForTheseOptionsAndThisKeyAlone() throws Exception {
    SnapshotKey key = new SnapshotKey(SnapshotKey.readOrCreate(file()));
    List<String> sealed = key.seal(OPTIONS);

    assertTrue(key.isSealed(sealed));
    assertEquals(OPTIONS, SnapshotKey.withoutSeal(sealed));
    for (int i = 0; i < sealed.size(); i++) {
      List<String> changed = new ArrayList<>(sealed);
      changed.set(i, changed.get(i) + "0");
      assertFalse(key.isSealed(changed), changed.toString());
    }
    assertFalse(new SnapshotKey(new byte[16]).isSealed(sealed));
    assertFalse(new SnapshotKey(null).isSealed(sealed));
  }

  @Test
  void snapshotWithoutAKey_isReportedOnce() {
    SnapshotKey key = SnapshotKey.without(file(), new AccessDeniedException(file().toString()));
    PrintStream before = System.err;
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    System.setErr(new PrintStream(err, true));
    try {
      assertEquals(OPTIONS, key.seal(OPTIONS));
      assertEquals(OPTIONS, key.seal(OPTIONS));
    } finally {
      System.setErr(before);
    }

    assertEquals(1, err.toString().lines().count(), err.toString());
    assertTrue(err.toString().contains(file() + ": permission denied"), err.toString());
    assertFalse(SnapshotKey.hasSeal(OPTIONS));
  }

  @Test
  void options_ofWhichAPartMovesToTheNext_areOthers() {
    SnapshotKey key = new SnapshotKey(new byte[16]);
    List<String> sealed = new ArrayList<>(key.seal(List.of("--append", "ab", "--append", "c")));
    sealed.set(1, "a");
    sealed.set(3, "bc");

    assertFalse(key.isSealed(sealed));
  }

  @Test
  void noSeal_isNotSealed() {
    assertFalse(new SnapshotKey(new byte[16]).isSealed(OPTIONS));
    assertFalse(new SnapshotKey(new byte[16]).isSealed(List.of()));
    assertEquals(OPTIONS, new SnapshotKey(null).seal(OPTIONS));
  }
}
