package org.microvm.machine.linux;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.SerialDevice;
import org.microvm.virtioserial.channel.Channel;

/** The host end of a port that a test has added; closing it removes the port. */
final class HostPort implements AutoCloseable {
  private final LinuxGuest guest;
  private final SerialDevice device;
  private final PortEvents events;
  private final PortInfo info;

  HostPort(LinuxGuest guest, PortInfo info) {
    this.guest = guest;
    this.info = info;
    device = guest.device();
    events = guest.events();
  }

  int nr() {
    return info.nr();
  }

  String name() {
    return info.name().orElseThrow();
  }

  /** The name of the guest's device, in /dev and in sysfs. */
  String node() {
    return guest.node(info.nr());
  }

  /** Connects a program of this JVM. */
  Channel connect() throws PortException, IOException {
    return device.openChannel(name());
  }

  /** Waits until the guest has set up this port, not an earlier one with the same number. */
  void awaitReady() throws Exception {
    guest.awaitReady(info);
  }

  PortStatistics statistics() throws PortException {
    return device.status(info.nr()).statistics();
  }

  /** Waits until the status of the port satisfies a condition for which there is no event. */
  PortStatistics awaitStatistics(Predicate<PortStatistics> condition) throws Exception {
    long deadline = System.nanoTime() + GuestProcess.ANSWER.toNanos();
    PortStatistics now = statistics();
    while (!condition.test(now)) {
      if (System.nanoTime() > deadline) {
        throw new TimeoutException(info + " stays at " + now);
      }
      TimeUnit.MILLISECONDS.sleep(1);
      now = statistics();
    }
    return now;
  }

  /** Describes the host end, for messages. */
  String backend() throws PortException {
    return device.status(info.nr()).backend();
  }

  boolean guestOpen() throws PortException {
    return device.status(info.nr()).guestOpen();
  }

  /** The events of the port. */
  List<PortEvents.Kind> events() {
    return events.of(info.nr());
  }

  /** Waits until the event has happened the given number of times. */
  void await(PortEvents.Kind kind, int times) throws Exception {
    events.await(info.nr(), kind, times);
  }

  /** Removes the port and waits until listeners have been notified. */
  @Override
  public void close() {
    try {
      device.removePort(info.nr());
      events.await(info.nr(), PortEvents.Kind.PORT_REMOVED, 1);
      events.clear(info.nr());
    } catch (Exception e) {
      throw new IllegalStateException("removing " + info, e);
    }
  }

  /** Writes text. */
  static void write(ByteChannel channel, String text) throws IOException {
    write(channel, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes all bytes. */
  static void write(WritableByteChannel channel, byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  /** Writes all bytes on another thread. */
  static CompletableFuture<Void> writeLater(ByteChannel channel, byte[] bytes) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            write(channel, bytes);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        },
        task -> Thread.ofPlatform().daemon().name("writer").start(task));
  }

  /** Reads exactly the given number of bytes. */
  static byte[] read(ReadableByteChannel channel, int bytes) throws Exception {
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    inTime(
        () -> {
          while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
              throw new IOException("the stream ended");
            }
          }
          return buffer;
        },
        () -> "only %d of %d bytes arrived".formatted(buffer.position(), bytes));
    return buffer.array();
  }

  /** Runs a call that might block forever, with a time limit. */
  private static void inTime(Callable<?> task, Supplier<String> failure) throws Exception {
    FutureTask<?> future = new FutureTask<>(task);
    Thread.ofPlatform().daemon().name("reader").start(future);
    try {
      future.get(GuestProcess.ANSWER.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      throw new AssertionError(failure.get(), e);
    }
  }

  /** Reads and discards all bytes, on another thread, until the port is removed. */
  static void readLater(ByteChannel channel) {
    Thread.ofPlatform()
        .daemon()
        .name("reader")
        .start(
            () -> {
              ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
              try {
                while (channel.read(buffer) >= 0) {
                  buffer.clear();
                }
              } catch (IOException e) {
                // The port was removed.
              }
            });
  }

  /** Reads up to the end of the given text. */
  static void readUntil(ByteChannel channel, String text) throws Exception {
    StringBuffer all = new StringBuffer();
    ByteBuffer next = ByteBuffer.allocate(1);
    inTime(
        () -> {
          while (all.indexOf(text) < 0 && channel.read(next.clear()) >= 0) {
            all.append((char) next.get(0));
          }
          return all;
        },
        () -> "no \"%s\" but: %s".formatted(text, all));
  }

  /** Reads text of the given length in bytes. */
  static String readText(ByteChannel channel, int bytes) throws Exception {
    return new String(read(channel, bytes), StandardCharsets.UTF_8);
  }
}
