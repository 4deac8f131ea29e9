package org.microvm.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.microvm.cli.named.Background;
import org.microvm.linux.Errno;
import org.microvm.linux.EventLoop;
import org.microvm.linux.PendingInput;
import org.microvm.machine.Machine;
import org.microvm.virtioserial.backend.HostConnection;
import org.microvm.virtioserial.backend.PortBackend;
import org.microvm.virtioserial.backend.PtyBackend;
import org.microvm.virtioserial.options.SocketSpec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connects the guest's UART to a chardev. What the guest writes while no host program is connected
 * is dropped, as from a serial line that is not plugged in.
 *
 * <p>Output is written by the machine's console thread, which drops and counts what does not fit
 * while a host program does not read. Input is read by a thread of each connection.
 */
final class UartChannel implements PortBackend.Port, AutoCloseable {
  private static final int CHUNK = 4096;

  /** How long to wait before a host program that does not read is tried again. */
  private static final long BUSY_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /** How long to wait before a full disk is tried again. */
  private static final long FULL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private static final Logger LOG = LoggerFactory.getLogger(UartChannel.class);

  private final EventLoop loop;
  private final RunExtras.Serial serial;
  private final PortBackend backend;
  private final MemorySegment chunk = Arena.ofAuto().allocate(CHUNK);
  private volatile HostConnection connection;
  private volatile Machine machine;
  private volatile boolean closed;
  private boolean fullTold;

  private UartChannel(EventLoop loop, RunExtras.Serial serial, PortBackend backend) {
    this.loop = loop;
    this.serial = serial;
    this.backend = backend;
  }

  /**
   * Opens the chardev and accepts host programs.
   *
   * @throws IOException if what it names cannot be opened
   */
  static UartChannel open(RunExtras.Serial serial) throws IOException {
    EventLoop loop = EventLoop.open("uart");
    try {
      UartChannel channel = new UartChannel(loop, serial, serial.chardev().open(loop));
      if (channel.backend.plain() instanceof PtyBackend pty) {
        // In QEMU's form, for programs that read it. The standard output of a process in the
        // background is that of the process that started it.
        PrintStream out = Background.isThisProcess() ? System.err : System.out;
        out.printf("char device redirected to %s (label %s)%n", pty.path(), serial.id());
      }
      loop.start();
      // Not before the file is connected: what the guest writes earlier would be lost.
      CompletableFuture.runAsync(() -> channel.backend.start(channel), loop::execute).join();
      return channel;
    } catch (RuntimeException | Error e) {
      loop.close();
      throw e;
    } catch (IOException e) {
      loop.close();
      throw new IOException(serial.option() + ": " + e.getMessage(), e);
    }
  }

  /** The id that query-chardev reports. */
  String id() {
    return serial.id();
  }

  /** The description that query-chardev reports. */
  String describe() {
    boolean away = serial.chardev().plain() instanceof SocketSpec && connection == null;
    return (away ? "disconnected:" : "") + backend.describe();
  }

  /** Sends what host programs write to the machine's UART, and returns once the guest may start. */
  void attach(Machine toMachine) {
    machine = toMachine;
    synchronized (this) {
      notifyAll();
    }
    try {
      ClientWait.watch(backend.readyToBoot(), List.of(serial.option()));
      backend.readyToBoot().join();
    } catch (CancellationException | CompletionException e) {
      // The process is ending.
    }
  }

  /** Where the UART's output goes. */
  OutputStream output() {
    return new OutputStream() {
      @Override
      public void write(int value) {
        write(new byte[] {(byte) value}, 0, 1);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) {
        send(bytes, offset, length);
      }
    };
  }

  private synchronized void send(byte[] bytes, int offset, int length) {
    HostConnection to = connection;
    int done = 0;
    while (done < length && to != null && to == connection && to.output() != null) {
      int part = Math.min(CHUNK, length - done);
      MemorySegment.copy(bytes, offset + done, chunk, ValueLayout.JAVA_BYTE, 0, part);
      long result = to.output().write(chunk.asSlice(0, part));
      if (result == -Errno.EAGAIN) {
        LockSupport.parkNanos(BUSY_NANOS);
      } else if (result < 0 && Errno.isNoRoom((int) -result)) {
        awaitRoom((int) -result);
      } else if (result < 0 && result != -Errno.EINTR) {
        return; // The reader is gone; the other thread notices that as well.
      }
      done += (int) Math.max(0, result);
    }
  }

  /** Waits a moment until a disk may have room again: nothing is lost. */
  private void awaitRoom(int errno) {
    if (!fullTold) {
      fullTold = true;
      LOG.warn(
          "{}: {} ({}); the guest's console waits until there is room",
          serial.option(),
          Errno.name(errno),
          Errno.describe(errno));
    }
    LockSupport.parkNanos(FULL_NANOS);
  }

  @Override
  public EventLoop loop() {
    return loop;
  }

  @Override
  public void connected(HostConnection to) {
    if (closed) {
      to.close();
      return;
    }
    connection = to;
    if (to.input() != null) {
      Thread.ofPlatform().daemon().name("uart-input").start(() -> read(to));
    }
  }

  private void read(HostConnection from) {
    MemorySegment buffer = Arena.ofAuto().allocate(CHUNK);
    try {
      Machine guest = awaitMachine();
      while (!closed) {
        PendingInput.await(from.input());
        long count = from.input().read(buffer);
        if (count == 0 || count < 0 && count != -Errno.EAGAIN && count != -Errno.EINTR) {
          break;
        }
        for (long i = 0; i < count; i++) {
          guest.type(buffer.get(ValueLayout.JAVA_BYTE, i));
        }
      }
      if (from.isDuplex()) {
        loop.execute(() -> disconnected(from));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RejectedExecutionException e) {
      // The machine has ended.
    }
  }

  private synchronized Machine awaitMachine() throws InterruptedException {
    while (machine == null) {
      wait();
    }
    return machine;
  }

  private void disconnected(HostConnection from) {
    if (connection == from) {
      connection = null;
      from.close();
      backend.connectionClosed();
    }
  }

  /** Disconnects host programs and releases the chardev. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    CompletableFuture<Void> done = new CompletableFuture<>();
    try {
      loop.execute(
          () -> {
            HostConnection last = connection;
            connection = null;
            if (last != null) {
              last.close();
            }
            backend.close();
            done.complete(null);
          });
      done.completeOnTimeout(null, 2, TimeUnit.SECONDS).join();
    } finally {
      loop.close();
    }
  }
}
