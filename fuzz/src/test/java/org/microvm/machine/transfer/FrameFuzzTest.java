package org.microvm.machine.transfer;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import org.microvm.linux.Fd;
import org.microvm.transport.Transport;

/** The frames of a migration, from a peer that sends anything. */
class FrameFuzzTest {
  /** A peer whose bytes are known. */
  private static final class Bytes implements Transport {
    private final byte[] bytes;
    private int position;

    private Bytes(byte[] bytes) {
      this.bytes = bytes;
    }

    @Override
    public boolean read(MemorySegment target, List<Fd> descriptors) {
      long size = target.byteSize();
      if (size > bytes.length - position) {
        return false;
      }
      MemorySegment.copy(bytes, position, target, ValueLayout.JAVA_BYTE, 0, (int) size);
      position += (int) size;
      return true;
    }

    @Override
    public void open() {}

    @Override
    public boolean isLocal() {
      return true;
    }

    @Override
    public void write(MemorySegment segment, List<Fd> descriptors) {}

    @Override
    public void limitReads(Duration limit) {}

    @Override
    public void shutdown() {}

    @Override
    public void close() {}
  }

  @FuzzTest
  void frames_anyBytes_areRefusedOrRead(byte[] input) {
    try (MigrationStream stream = new MigrationStream(new Bytes(input))) {
      MigrationStream.Frame frame;
      while ((frame = stream.read()) != null) {
        frame.text();
        frame.close();
      }
    } catch (IOException e) {
      return;
    }
  }
}
