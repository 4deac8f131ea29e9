package org.microvm.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;

/** A machine with an echoing guest and a host program at the other end of its channel. */
final class EchoHost implements AutoCloseable {
  private static final int BLOCK = 64 * 1024;

  private final Machine machine;
  private final SocketChannel host;

  /**
   * @param words parameters for the guest's command line, in addition to {@code mode=echo}
   */
  EchoHost(Path socket, String words, boolean mappedRegisters) throws Exception {
    this("serial-echo", socket, words, mappedRegisters);
  }

  /** Starts the machine with the given guest. */
  EchoHost(String guest, Path socket, String words, boolean mappedRegisters) throws Exception {
    machine =
        Machine.create(
            MachineConfig.builder(TestImages.bareMetal(guest))
                .memory(16 << 20)
                .commandLine("mode=echo " + words)
                .mappedRegisters(mappedRegisters)
                .channel(
                    new ChannelConfig(
                        PortConfig.named("test"), loop -> UnixServerBackend.listen(socket, false)))
                .build());
    machine.start();
    host = SocketChannel.open(UnixDomainSocketAddress.of(socket));
  }

  /** Sends bytes and receives as many at the same time. */
  void pump(long bytes) throws IOException {
    CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> write(bytes));
    ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
    for (long left = bytes; left > 0; ) {
      block.clear().limit((int) Math.min(BLOCK, left));
      left -= host.read(block);
    }
    writer.join();
  }

  private void write(long bytes) {
    ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
    try {
      for (long left = bytes; left > 0; ) {
        block.clear().limit((int) Math.min(BLOCK, left));
        left -= host.write(block);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Sends a message and waits until it has been echoed. */
  void roundTrip(long message) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).putLong(0, message);
    host.write(bytes);
    bytes.clear();
    while (bytes.hasRemaining()) {
      host.read(bytes);
    }
    assertEquals(message, bytes.getLong(0));
  }

  /** Sends that many messages without waiting, then receives all of them. */
  void burst(int count) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES * count);
    for (int i = 0; i < count; i++) {
      host.write(bytes.slice(0, Long.BYTES));
    }
    while (bytes.hasRemaining()) {
      host.read(bytes);
    }
  }

  /** Number of exits of all vCPUs to user space. */
  long exits() {
    return machine.statistics().vcpus().stream().mapToLong(MachineStatistics.Vcpu::exits).sum();
  }

  MachineStatistics statistics() {
    return machine.statistics();
  }

  @Override
  public void close() throws IOException {
    host.close();
    machine.close();
  }
}
