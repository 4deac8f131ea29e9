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
import org.microvm.devices.virtio.blk.DiskFile;

/** Locks belong to an open file, so the other process can be one that opens the file again. */
@Timeout(30)
class WritableDisksTest {
  @TempDir Path directory;

  private Path first;
  private Path second;
  private DiskFile otherProcess;

  @BeforeEach
  void makeImages() throws IOException {
    first = Files.write(directory.resolve("first.img"), new byte[512]);
    second = Files.write(directory.resolve("second.img"), new byte[512]);
    otherProcess = DiskFile.openUnlocked(first);
  }

  @AfterEach
  void closeImage() {
    otherProcess.close();
  }

  @Test
  void open_locksTheImage() throws Exception {
    try (DiskFile _ = new WritableDisks(false).open(first)) {
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
    try (DiskFile _ = new WritableDisks(true).open(first)) {
      assertTrue(otherProcess.lock());
    }
  }

  @Test
  void unlock_freesTheImage() throws Exception {
    WritableDisks disks = new WritableDisks(false);
    try (DiskFile _ = disks.open(first)) {
      disks.unlock();

      assertTrue(otherProcess.lock());
    }
  }

  @Test
  void take_forLater_locksTheImage() throws Exception {
    WritableDisks disks = new WritableDisks(true);
    try (DiskFile _ = disks.open(first)) {
      disks.take();

      assertFalse(otherProcess.lock());
    }
  }

  @Test
  void take_afterUnlock_locksTheImageAgain() throws Exception {
    WritableDisks disks = new WritableDisks(false);
    try (DiskFile _ = disks.open(first)) {
      disks.unlock();

      disks.take();

      assertFalse(otherProcess.lock());
    }
  }

  @Test
  void take_ofImagesThatAreHeld_doesNothing() throws Exception {
    WritableDisks disks = new WritableDisks(false);
    try (DiskFile _ = disks.open(first)) {
      disks.take();

      assertFalse(otherProcess.lock());
    }
  }

  @Test
  void take_waitsForAProcessThatIsEnding() throws Exception {
    WritableDisks disks = new WritableDisks(true);
    try (DiskFile _ = disks.open(first)) {
      otherProcess.lock();
      Thread ending = Thread.ofPlatform().start(otherProcess::close);

      disks.take();

      ending.join();
    }
  }

  @Test
  void take_ofAnImageThatStaysInUse_failsAndLocksNone() throws Exception {
    WritableDisks disks = new WritableDisks(true);
    try (DiskFile _ = disks.open(second);
        DiskFile _ = disks.open(first);
        DiskFile witness = DiskFile.openUnlocked(second)) {
      otherProcess.lock();

      IOException failure = assertThrows(IOException.class, disks::take);

      assertTrue(failure.getMessage().contains("first.img"), failure.getMessage());
      assertTrue(witness.lock(), "the image that was free is free again");
    }
  }

  @Test
  void flush_ofOpenImages_keepsTheLocks() throws Exception {
    WritableDisks disks = new WritableDisks(false);
    try (DiskFile _ = disks.open(first)) {
      disks.flush();

      assertFalse(otherProcess.lock());
    }
  }
}
