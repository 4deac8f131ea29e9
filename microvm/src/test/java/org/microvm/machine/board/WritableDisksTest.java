package org.microvm.machine.board;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.virtio.blk.FileBackend;

/** Locks belong to an open file, so the other process can be one that opens the file again. */
@Timeout(30)
class WritableDisksTest {
  @TempDir Path directory;

  private Path first;
  private Path second;
  private FileBackend otherProcess;

  @BeforeEach
  void makeImages() throws IOException {
    first = Files.write(directory.resolve("first.img"), new byte[512]);
    second = Files.write(directory.resolve("second.img"), new byte[512]);
    otherProcess = FileBackend.openUnlocked(first);
  }

  @AfterEach
  void closeImage() {
    otherProcess.close();
  }

  @Test
  void open_locksTheImage() throws Exception {
    try (FileBackend _ = new WritableDisks(false).open(first)) {
      assertFalse(otherProcess.lock());
    }
  }

  @Test
  void open_ofAnImageThatIsInUse_isRefused() throws Exception {
    otherProcess.lock();

    assertThrows(IOException.class, () -> new WritableDisks(false).open(first));
  }

  @Test
  void open_forLater_leavesTheImageToTheOtherProcess() throws Exception {
    try (FileBackend _ = new WritableDisks(true).open(first)) {
      assertTrue(otherProcess.lock());
    }
  }

  @Test
  void letGo_freesTheImage() throws Exception {
    WritableDisks disks = new WritableDisks(false);
    try (FileBackend _ = disks.open(first)) {
      disks.letGo();

      assertTrue(otherProcess.lock());
    }
  }

  @Test
  void take_forLater_locksTheImage() throws Exception {
    WritableDisks disks = new WritableDisks(true);
    try (FileBackend _ = disks.open(first)) {
      disks.take();

      assertFalse(otherProcess.lock());
    }
  }

  @Test
  void take_afterLetGo_locksTheImageAgain() throws Exception {
    WritableDisks disks = new WritableDisks(false);
    try (FileBackend _ = disks.open(first)) {
      disks.letGo();

      disks.take();

      assertFalse(otherProcess.lock());
    }
  }

  @Test
  void take_ofImagesThatAreHeld_doesNothing() throws Exception {
    WritableDisks disks = new WritableDisks(false);
    try (FileBackend _ = disks.open(first)) {
      disks.take();

      assertFalse(otherProcess.lock());
    }
  }

  @Test
  void take_waitsForAProcessThatIsEnding() throws Exception {
    WritableDisks disks = new WritableDisks(true);
    try (FileBackend _ = disks.open(first)) {
      otherProcess.lock();
      Thread ending = Thread.ofPlatform().start(otherProcess::close);

      disks.take();

      ending.join();
    }
  }

  @Test
  void take_ofAnImageThatStaysInUse_failsAndLocksNone() throws Exception {
    WritableDisks disks = new WritableDisks(true);
    try (FileBackend _ = disks.open(second);
        FileBackend _ = disks.open(first);
        FileBackend witness = FileBackend.openUnlocked(second)) {
      otherProcess.lock();

      IOException failure = assertThrows(IOException.class, disks::take);

      assertTrue(failure.getMessage().contains("first.img"), failure.getMessage());
      assertTrue(witness.lock(), "the image that was free is free again");
    }
  }

  @Test
  void flush_ofOpenImages_keepsTheLocks() throws Exception {
    WritableDisks disks = new WritableDisks(false);
    try (FileBackend _ = disks.open(first)) {
      disks.flush();

      assertFalse(otherProcess.lock());
    }
  }
}
