package org.microvm.machine.board;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.EventLoop;
import org.microvm.linux.GuestRam;
import org.microvm.machine.config.DiskConfig;

/** The disks of a board, and which files cannot be one. */
@Timeout(30)
class VirtioDevicesTest {
  @TempDir private Path directory;

  private final List<AutoCloseable> disks = new ArrayList<>();
  private EventLoop loop;
  private GuestRam ram;
  private Board board;
  private Path image;

  @BeforeEach
  void makeBoard() throws Exception {
    loop = EventLoop.open("board");
    ram = GuestRam.allocate(1 << 20);
    board = new Board(ram, loop, new NoOutput(), new PowerSwitch(), null);
    image = Files.write(directory.resolve("disk.img"), new byte[4096]);
  }

  @AfterEach
  void close() throws Exception {
    loop.close();
    for (AutoCloseable disk : disks) {
      disk.close();
    }
    board.close();
    ram.close();
  }

  /** Adds disks to the board of a machine, or of one that receives a guest by migration. */
  private void add(boolean incoming, DiskConfig... configs) throws IOException {
    VirtioDevices devices = new VirtioDevices(board, new WritableDisks(incoming));
    for (DiskConfig config : configs) {
      disks.add(devices.disk(config));
    }
  }

  @Test
  void imageOfAnotherFormat_isRefusedAtAStartAndAtAMigrationsDestination() throws Exception {
    Files.write(image, new byte[] {'Q', 'F', 'I', (byte) 0xfb, 0, 0, 0, 3});
    Files.write(image, new byte[4096], java.nio.file.StandardOpenOption.APPEND);

    for (boolean incoming : new boolean[] {false, true}) {
      IOException refused =
          assertThrows(IOException.class, () -> add(incoming, new DiskConfig(image, false)));
      assertTrue(
          refused.getMessage().startsWith(image + " is a qcow2 image"), refused.getMessage());
      add(incoming, new DiskConfig(image, false).asRaw());
      disks.removeLast().close();
      add(incoming, new DiskConfig(image, true));
      disks.removeLast().close();
    }
  }

  @Test
  void sameImageTwice_isRefusedUnlessBothAreReadOnly() throws Exception {
    Path link = Files.createSymbolicLink(directory.resolve("link"), image);
    String message =
        link + " is the image of both vda and vdb: only read-only disks can share an image";

    for (boolean incoming : new boolean[] {false, true}) {
      for (boolean first : new boolean[] {false, true}) {
        DiskConfig one = new DiskConfig(image, first);
        DiskConfig other = new DiskConfig(link, !first);
        assertEquals(
            message, assertThrows(IOException.class, () -> add(incoming, one, other)).getMessage());
        disks.removeLast().close();
      }
    }
    add(false, new DiskConfig(image, true), new DiskConfig(link, true));
    assertEquals(2, disks.size());
  }

  @Test
  void overlays_shareAnImageButNotWithAWriter() throws Exception {
    DiskConfig overlay = new DiskConfig(image, false).withOverlay();

    add(false, overlay, overlay);
    assertThrows(IOException.class, () -> add(false, overlay, new DiskConfig(image, false)));
  }
}
