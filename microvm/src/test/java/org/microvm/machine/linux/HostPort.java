package org.microvm.machine.linux;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.microvm.virtioserial.PortException;
import org.microvm.virtioserial.PortInfo;
import org.microvm.virtioserial.PortStatistics;
import org.microvm.virtioserial.SerialDevice;
import org.microvm.virtioserial.channel.Channel;

/** The host's end of a port that a test has added; closing removes the port. */
final class HostPort implements AutoCloseable {
  private final SerialDevice device;
  private final PortEvents events;
  private final PortInfo info;

  HostPort(SerialDevice device, PortEvents events, PortInfo info) {
    this.device = device;
    this.events = events;
    this.info = info;
  }

  int nr() {
    return info.nr();
  }

  String name() {
    return info.name().orElseThrow();
  }

  /** The device in the guest, under /dev and in sysfs. */
  String node() {
    return "vport0p" + info.nr();
  }

  /** Connects a program of this JVM. */
  Channel connect() throws PortException, IOException {
    return device.openChannel(name());
  }

  PortStatistics statistics() throws PortException {
    return device.status(info.nr()).statistics();
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
