package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class FdTest {
  @TempDir Path directory;

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void freeMemory() {
    arena.close();
  }

  private MemorySegment text(String text) {
    byte[] bytes = text.getBytes();
    MemorySegment segment = arena.allocate(bytes.length);
    return segment.copyFrom(MemorySegment.ofArray(bytes));
  }

  private static String string(MemorySegment segment, long length) {
    return new String(segment.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
  }

  @Test
  void readAndWrite_moveBytesAndEndWithZero() throws Exception {
    Path path = directory.resolve("file");
    MemorySegment buffer = arena.allocate(16);
    try (Fd fd = Fd.open(path, Fd.READ_WRITE, Fd.CREATE)) {
      assertEquals(5, fd.write(text("hello")));
      assertEquals(0, fd.read(buffer));
      assertEquals(3, fd.pread(buffer, 2));
      assertEquals("llo", string(buffer, 3));
      assertEquals(1, fd.pwrite(text("J"), 0));
      assertEquals(0, fd.sync());
      assertEquals(5, fd.size());
    }
    assertEquals("Jello", Files.readString(path));
  }

  @Test
  void vectors_scatterAndGather() throws Exception {
    Path path = directory.resolve("file");
    MemorySegment source = text("abcdef");
    MemorySegment target = arena.allocate(6);
    try (Fd fd = Fd.open(path, Fd.READ_WRITE, Fd.CREATE)) {
      IovecArray out = new IovecArray(2);
      assertTrue(out.add(source.address() + 3, 3));
      assertTrue(out.add(source.address(), 3));
      assertEquals(6, fd.writev(out));
      assertEquals("defabc", Files.readString(path));

      IovecArray in = new IovecArray(2);
      in.add(target.address() + 4, 2);
      in.add(target.address(), 4);
      assertEquals(6, fd.preadv(in, 0));
      assertEquals("fabcde", string(target, 6));
      assertEquals(6, fd.pwritev(out, 6));
      assertEquals(12, fd.size());
      assertEquals(0, fd.readv(in));
    }
  }

  @Test
  void iovecArray_fullTakesNoMoreAndClearEmpties() {
    IovecArray ranges = new IovecArray(1);

    assertTrue(ranges.add(1, 0));
    assertEquals(0, ranges.count());
    assertTrue(ranges.add(4096, 10));
    assertFalse(ranges.add(8192, 1));
    assertEquals(10, ranges.bytes());
    ranges.clear();
    assertEquals(0, ranges.bytes());
    assertThrows(IllegalArgumentException.class, () -> new IovecArray(1025));
  }

  @Test
  void iovecArray_ofManyRanges_keepsTheirOrder() throws Exception {
    Path path = directory.resolve("ranges");
    String text = "abcdefgh".repeat(IovecArray.MAX_CAPACITY / 8);
    MemorySegment source = text(text);
    IovecArray ranges = new IovecArray(IovecArray.MAX_CAPACITY);
    for (int i = 0; i < text.length(); i++) {
      assertTrue(ranges.add(source.address() + i, 1));
    }
    IovecArray prefix = new IovecArray(IovecArray.MAX_CAPACITY);
    prefix.setToPrefix(ranges, 1000);

    try (Fd fd = Fd.open(path, Fd.READ_WRITE, Fd.CREATE)) {
      assertFalse(ranges.add(source.address(), 1));
      assertEquals(text.length(), fd.writev(ranges));
      assertEquals(1000, fd.writev(prefix));
    }

    assertEquals(text + text.substring(0, 1000), Files.readString(path));
  }

  @Test
  void open_missingFileNamesCallAndPath() {
    Path path = directory.resolve("missing");

    var failure = assertThrows(ErrnoException.class, () -> Fd.open(path, Fd.READ_ONLY));

    assertEquals("open " + path + ": ENOENT (No such file or directory)", failure.getMessage());
  }

  @Test
  void openAdvice_forKvm_namesTheRemedy() {
    Path kvm = Path.of("/dev/kvm");

    assertTrue(OpenAdvice.of(kvm, Errno.ENOENT).contains("nested virtualization"));
    assertTrue(OpenAdvice.of(kvm, Errno.EACCES).contains("usermod -aG kvm"));
    assertTrue(OpenAdvice.of(kvm, Errno.ENODEV).contains("firmware"));
    assertEquals("", OpenAdvice.of(Path.of("/dev/vhost"), Errno.EACCES));
  }

  @Test
  void close_laterCallsGiveBadDescriptor() throws Exception {
    Fd fd = Fd.open(Path.of("/dev/zero"), Fd.READ_ONLY);
    fd.close();
    fd.close();

    assertEquals(-Errno.EBADF, fd.read(arena.allocate(1)));
    assertEquals(-Errno.EBADF, fd.write(arena.allocate(1)));
    assertFalse(fd.isOpen());
    assertThrows(ErrnoException.class, fd::duplicate);
  }

  @Test
  void close_whileAThreadWritesKeepsTheNumberTaken() throws Exception {
    Fd[] pair = UnixSocket.pair();
    pair[0].nonBlocking(false);
    pair[1].nonBlocking(false);
    MemorySegment more = arena.allocate(4 << 20); // more than a socket holds
    MemorySegment received = arena.allocate(more.byteSize());
    long[] written = new long[1];
    Thread writer = Thread.ofPlatform().start(() -> written[0] = pair[0].write(more));
    long count =
        pair[1].read(received.asSlice(0, 1)); // So the write has begun, and waits for room.

    pair[0].close();
    try (Fd other = Fd.open(Path.of("/dev/zero"), Fd.READ_ONLY)) {
      while (count < more.byteSize()) {
        count += pair[1].read(received.asSlice(count));
      }
      writer.join();
      assertTrue(other.isOpen());
    }

    assertEquals(more.byteSize(), written[0], "the write must end on its own file");
    assertEquals(0, pair[1].read(received), "closed once the write has returned");
    pair[1].close();
  }

  @Test
  void write_toAClosedPeerIsAnErrorAndNoSignal() throws Exception {
    Fd[] pair = UnixSocket.pair();
    pair[1].close();

    assertEquals(-Errno.EPIPE, pair[0].write(text("x")));
    pair[0].close();
  }

  @Test
  void heapSegment_isRefused() throws Exception {
    try (Fd fd = Fd.open(Path.of("/dev/zero"), Fd.READ_ONLY)) {
      assertThrows(
          IllegalArgumentException.class, () -> fd.read(MemorySegment.ofArray(new byte[1])));
    }
  }

  @Test
  void tryLock_ofALockedFileIsFalse() throws Exception {
    Path path = Files.createFile(directory.resolve("disk"));
    try (Fd first = Fd.open(path, Fd.READ_WRITE);
        Fd second = Fd.open(path, Fd.READ_WRITE)) {
      assertTrue(AdvisoryLock.tryLock(first, AdvisoryLock.Mode.EXCLUSIVE));
      assertFalse(AdvisoryLock.tryLock(second, AdvisoryLock.Mode.SHARED));
    }
  }

  @Test
  void punchHole_readsAsZeros() throws Exception {
    Path path = Files.write(directory.resolve("disk"), new byte[] {1, 2, 3});
    try (Fd fd = Fd.open(path, Fd.READ_WRITE)) {
      assertEquals(0, SparseFile.punchHole(fd, 1, 1));
      assertEquals(3, fd.size());
    }
    assertEquals(0, Files.readAllBytes(path)[1]);
  }

  @Test
  void duplicate_outlivesTheOriginal() throws Exception {
    Fd fd = Fd.open(Path.of("/dev/zero"), Fd.READ_ONLY);
    try (Fd copy = fd.duplicate()) {
      fd.close();
      assertEquals(1, copy.read(arena.allocate(1)));
    }
  }

  @Test
  void standardOutput_closingTheViewLeavesItOpen() {
    Fd.standardOutput().close();

    assertEquals(0, Fd.standardOutput().write(arena.allocate(0)));
  }

  @Test
  void eventFd_countsAndDrains() throws Exception {
    EventFd event = EventFd.open();
    assertEquals(0, event.drain());
    event.signal();
    event.signal();
    assertEquals(2, event.drain());
    event.close();
    event.signal();
    assertEquals(0, event.drain());
  }
}
