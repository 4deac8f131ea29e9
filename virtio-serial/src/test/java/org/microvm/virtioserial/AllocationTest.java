package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;

/** Moving a message allocates nothing of ours on the event loop's thread. */
class AllocationTest {
  private static final int WARM_UP = 20_000;
  private static final int MEASURED = 20_000;

  /**
   * What one system call costs: the JDK slices the segment that errno is captured in, 40 bytes,
   * unless its compiler sees through that. The device itself adds nothing.
   */
  private static final double BYTES_A_MESSAGE = 48;

  @TempDir Path directory;

  @Test
  void steadyState_allocatesNothingAMessage() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      int nr = machine.addUnix("a");
      Guest guest = machine.guest.boot();
      machine.introduce(nr);
      guest.open(nr);
      try (Host host = machine.connect("a")) {
        Exchange exchange = new Exchange(guest, host, nr);
        exchange.run(WARM_UP);
        long before = allocatedByLoop();

        exchange.run(MEASURED);

        double each = (allocatedByLoop() - before) / (double) MEASURED;
        assertTrue(each < BYTES_A_MESSAGE, each + " bytes a message");
      }
    }
  }

  private static long allocatedByLoop() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long id =
        Arrays.stream(threads.getThreadInfo(threads.getAllThreadIds()))
            .filter(info -> info != null && info.getThreadName().equals("serial-test"))
            .findFirst()
            .orElseThrow()
            .getThreadId();
    return threads.getThreadAllocatedBytes(id);
  }

  /** Messages from host to guest, and some back when the socket has room again. */
  private static final class Exchange {
    private final Guest guest;
    private final Host host;
    private final int nr;
    private final long blob;
    private final ByteBuffer sink = ByteBuffer.allocateDirect(1 << 20);

    Exchange(Guest guest, Host host, int nr) {
      this.guest = guest;
      this.host = host;
      this.nr = nr;
      blob = guest.ram().allocate(1 << 20, 1);
    }

    void run(int messages) throws Exception {
      for (int i = 0; i < messages; i++) {
        host.write((byte) i);
        guest.read(nr, 1);
        // Now and then more than the socket takes, so that the loop has to go on by itself.
        if (i % 500 == 0) {
          guest.write(nr, Buffer.readable(blob, sink.capacity()));
          sink.clear();
          while (sink.hasRemaining()) {
            host.socket().read(sink);
          }
          guest.awaitSent(nr, 1);
        }
      }
    }
  }
}
