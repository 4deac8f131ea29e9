package org.microvm.agent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.junit.GuestVm;
import org.microvm.junit.MicroVm;

/** Files in a Linux guest. */
@MicroVm
@Tag("linux")
@Tag("guest-agent")
@Timeout(600)
class AgentFilesTest {
  private static final byte[] HELLO = Guest.ascii("Hello World!\n");
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final int LARGE = 4 << 20;

  @TempDir private Path directory;
  private GuestVm vm;

  private GuestFiles files() {
    return vm.agent().files();
  }

  @Test
  void writeFlushClose_thenReadSeekRead() throws IOException {
    try (GuestFile file = files().open("/run/operations", OpenMode.CREATE)) {
      file.write(HELLO);
      file.flush();
    }
    assertEquals("Hello World!", vm.exec("cat", "/run/operations").output());

    try (GuestFile file = files().open("/run/operations", OpenMode.READ)) {
      GuestFile.Chunk all = file.read(4096);
      assertArrayEquals(HELLO, all.bytes());
      assertTrue(all.endOfFile());
      GuestFile.Chunk nothing = file.read(4096);
      assertEquals(0, nothing.bytes().length);
      assertTrue(nothing.endOfFile());
      assertEquals(6, file.seek(6, GuestFile.Whence.SET));
      assertArrayEquals(Guest.ascii("World!\n"), file.read(4096).bytes());
    }
  }

  @Test
  void readAfterWrite_seesWhatWasWritten() throws IOException {
    try (GuestFile file = files().open("/run/both", OpenMode.CREATE)) {
      file.write(HELLO);
      assertEquals(0, file.read(100).bytes().length);
      assertEquals(0, file.seek(0, GuestFile.Whence.SET));
      assertArrayEquals(HELLO, file.read(100).bytes());
    }
  }

  @Test
  void seek_fromHereAndFromTheEnd() throws IOException {
    files().write("/run/seek", HELLO);
    try (GuestFile file = files().open("/run/seek", OpenMode.READ)) {
      assertEquals(3, file.seek(3, GuestFile.Whence.CUR));
      assertEquals(5, file.seek(2, GuestFile.Whence.CUR));
      assertEquals(HELLO.length - 1, file.seek(-1, GuestFile.Whence.END));
      assertArrayEquals(Guest.ascii("\n"), file.read(100).bytes());
      assertThrows(AgentCommandException.class, () -> file.seek(-1, GuestFile.Whence.SET));
    }
  }

  @Test
  void readOfLess_isNoEnd() throws IOException {
    files().write("/run/less", HELLO);
    try (GuestFile file = files().open("/run/less", OpenMode.READ)) {
      GuestFile.Chunk some = file.read(5);

      assertArrayEquals(Guest.ascii("Hello"), some.bytes());
      assertFalse(some.endOfFile());
    }
  }

  @Test
  void append_writesAtTheEnd() throws IOException {
    files().write("/run/append", Guest.ascii("one "));
    try (GuestFile file = files().open("/run/append", OpenMode.APPEND)) {
      file.write(Guest.ascii("two"));
    }

    assertEquals("one two", vm.readFile("/run/append"));
  }

  @Test
  void fileThatIsNotThere_isAnError() {
    AgentCommandException missing =
        assertThrows(AgentCommandException.class, () -> vm.readFile("/no/such/file"));

    assertTrue(missing.description().contains("No such file"), missing.getMessage());
  }

  @Test
  void readOnlyRoot_isNotWrittenTo() {
    AgentCommandException refused =
        assertThrows(AgentCommandException.class, () -> vm.writeFile("/etc/hosts", ""));

    assertTrue(refused.description().contains("Read-only"), refused.getMessage());
  }

  @Test
  void closedHandle_isUnknown() throws IOException {
    GuestFile file = files().open("/etc/hosts", OpenMode.READ);
    file.close();

    AgentCommandException unknown = assertThrows(AgentCommandException.class, () -> file.read(1));

    assertTrue(unknown.description().contains("has not been found"), unknown.getMessage());
  }

  @Test
  void countThatCannotBe_isRefused() throws IOException {
    try (GuestFile file = files().open("/etc/hosts", OpenMode.READ)) {
      assertThrows(AgentCommandException.class, () -> file.read(-1));
      assertThrows(AgentCommandException.class, () -> file.read((48 << 20) + 1));
    }
  }

  @Test
  void fourMebibytesBothWays_areIdentical() throws Exception {
    byte[] content = new byte[LARGE];
    new Random(5).nextBytes(content);
    String checksum =
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    Path source = Files.write(directory.resolve("source"), content);
    Path back = directory.resolve("back");

    vm.copyIn(source, "/tmp/large");
    String inTheGuest = vm.exec(GuestCommand.of("sha256sum", "/tmp/large"), LIMIT).output();
    vm.copyOut("/tmp/large", back);
    vm.exec("rm", "/tmp/large");

    assertEquals(checksum, inTheGuest.split(" ")[0]);
    assertEquals(-1, Files.mismatch(source, back));
  }
}
