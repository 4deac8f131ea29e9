package org.microvm.machine.linux;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.SerialDevice;
import org.microvm.virtioserial.channel.Channel;

/** The host's end of a port that a test has added; closing removes the port. */
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

  /** The device in the guest, under /dev and in sysfs. */
  String node() {
    return guest.node(info.nr());
  }

  /** Connects a program of this JVM. */
  Channel connect() throws PortException, IOException {
    return device.openChannel(name());
  }

  PortStatistics statistics() throws PortException {
    return device.status(info.nr()).statistics();
  }

  /** Waits until the numbers are like this: there is no event for it. */
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

  boolean guestOpen() throws PortException {
    return device.status(info.nr()).guestOpen();
  }

  /** What has happened to it. */
  List<PortEvents.Kind> events() {
    return events.of(info.nr());
  }

  /** Waits until this has happened to it so many times. */
  void await(PortEvents.Kind kind, int times) throws Exception {
    events.await(info.nr(), kind, times);
  }

  /** Removes the port, and waits until listeners have heard of it. */
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

  /** Writes a text. */
  static void write(ByteChannel channel, String text) throws IOException {
    write(channel, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes all of it. */
  static void write(ByteChannel channel, byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  /** Writes all of it on another thread. */
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

  /** Reads exactly so many bytes. */
  static byte[] read(ByteChannel channel, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new IOException("the stream ended after %d bytes".formatted(buffer.position()));
      }
    }
    return buffer.array();
  }

  /** Reads a text of this length in bytes. */
  static String readText(ByteChannel channel, int bytes) throws IOException {
    return new String(read(channel, bytes), StandardCharsets.UTF_8);
  }
}
