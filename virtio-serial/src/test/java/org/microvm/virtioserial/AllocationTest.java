package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.VirtqueueDriver;

/** Moving a message allocates no objects of the device on the event loop's thread. */
class AllocationTest {
  private static final int WARM_UP = 20_000;
  private static final int MEASURED = 20_000;

  /**
   * Bytes that one system call allocates: the JDK slices the segment that captures errno, 40 bytes,
   * unless its compiler removes that allocation. The device itself allocates nothing.
   */
  private static final double BYTES_A_MESSAGE = 48;

  @TempDir Path directory;

  @Test
  void hostToGuest_allocatesAndCopiesNothingAMessage() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      int nr = openPort(machine);
      try (Host host = machine.connect("a")) {
        Exchange exchange = new Exchange(machine, host, nr);

        assertSteady(machine, nr, exchange::hostToGuest);
      }
    }
  }

  @Test
  void guestToHost_allocatesAndCopiesNothingAMessage() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      int nr = openPort(machine);
      try (Host host = machine.connect("a")) {
        Exchange exchange = new Exchange(machine, host, nr);

        assertSteady(machine, nr, exchange::guestToHost);
      }
    }
  }

  @Test
  void guestOpeningAndClosing_allocatesNothingAMessage() throws Exception {
    try (SerialMachine machine = new SerialMachine(directory)) {
      machine.device.removeListener(machine.events);
      int nr = openPort(machine);
      Toggles toggles = new Toggles(machine, nr);
      toggles.run(WARM_UP);
      long before = toggles.allocated;

      toggles.run(MEASURED);

      double each = (toggles.allocated - before) / (2.0 * MEASURED);
      assertTrue(each < 1, each + " bytes a message");
    }
  }

  private static int openPort(SerialMachine machine) throws Exception {
    int nr = machine.addUnix("a");
    machine.guest.boot();
    machine.introduce(nr);
    machine.guest.open(nr);
    machine.idle();
    return nr;
  }

  private interface Messages {
    void pass(int count) throws Exception;
  }

  private static void assertSteady(SerialMachine machine, int nr, Messages messages)
      throws Exception {
    messages.pass(WARM_UP);
    long before = allocatedByLoop();
    long copied = machine.numbers(nr).bytesCopied();

    messages.pass(MEASURED);

    double each = (allocatedByLoop() - before) / (double) MEASURED;
    assertTrue(each < BYTES_A_MESSAGE, each + " bytes a message");
    assertEquals(0, copied);
    assertEquals(0, machine.numbers(nr).bytesCopied());
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

  /** Control messages of the driver, served on the loop as an ioeventfd would do. */
  private static final class Toggles {
    private final SerialMachine machine;
    private final VirtqueueDriver queue;
    private final Buffer[][] messages;
    private volatile long allocated;

    Toggles(SerialMachine machine, int nr) {
      this.machine = machine;
      queue = machine.guest.queue(Guest.CONTROL_OUT);
      messages = new Buffer[][] {{message(nr, 0)}, {message(nr, 1)}};
    }

    private Buffer message(int nr, int value) {
      byte[] bytes = Control.encode(nr, Control.PORT_OPEN, value);
      return Buffer.readable(machine.guest.ram().store(bytes), bytes.length);
    }

    void run(int count) throws Exception {
      CountDownLatch done = new CountDownLatch(1);
      machine.loop.execute(
          () -> {
            toggle(count);
            done.countDown();
          });
      done.await();
      machine.idle();
    }

    private void toggle(int count) {
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 2 * count; i++) {
        queue.stage(messages[i & 1]);
        queue.publish();
        machine.transport.queueNotified(Guest.CONTROL_OUT);
        queue.next();
      }
      allocated += threads.getCurrentThreadAllocatedBytes() - before;
    }
  }

  /** Small messages one by one, and from time to time more than fits into the socket. */
  private static final class Exchange {
    private final Guest guest;
    private final Host host;
    private final int nr;
    private final long blob;
    private final ByteBuffer sink = ByteBuffer.allocateDirect(1 << 20);
    private final Buffer small;

    /** Notifies the device as an ioeventfd does. */
    private final Runnable notifyOnLoop;

    Exchange(SerialMachine machine, Host host, int nr) {
      guest = machine.guest;
      Runnable notify = () -> machine.transport.queueNotified(Guest.out(nr));
      notifyOnLoop = () -> machine.loop.execute(notify);
      this.host = host;
      this.nr = nr;
      blob = guest.ram().allocate(1 << 20, 1);
      small = Buffer.readable(blob, 100);
    }

    void hostToGuest(int messages) throws Exception {
      for (int i = 0; i < messages; i++) {
        host.write((byte) i);
        guest.read(nr, 1);
      }
    }

    void guestToHost(int messages) throws Exception {
      for (int i = 0; i < messages; i++) {
        // So that only the loop can continue once the socket has room again.
        int count = i % 500 == 0 ? sink.capacity() : 100;
        Buffer buffer = i % 500 == 0 ? Buffer.readable(blob, count) : small;
        guest.queue(Guest.out(nr)).add(buffer);
        notifyOnLoop.run();
        sink.clear().limit(count);
        while (sink.hasRemaining()) {
          host.socket().read(sink);
        }
        guest.awaitSent(nr, 1);
      }
    }
  }
}
