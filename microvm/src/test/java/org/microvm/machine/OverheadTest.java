package org.microvm.machine;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.machine.config.ChannelConfig;
import org.microvm.machine.config.MachineConfig;
import org.microvm.machine.config.MachineOverhead;
import org.microvm.testing.RequiresKvm;
import org.microvm.virtioserial.PortConfig;
import org.microvm.virtioserial.SerialConfig;
import org.microvm.virtioserial.backend.UnixServerBackend;
import org.microvm.virtioserial.channel.Channel;
import org.microvm.virtioserial.channel.ChannelBackend;

/** The resources that a machine with all of its ports uses are within the computed bounds. */
@RequiresKvm
@Timeout(60)
class OverheadTest {
  /** How far the computed bound may be from what is used. */
  private static final int SLACK = 48;

  /** A few pages for each queue and each channel that is in use. */
  private static final long NATIVE_BYTES = 64 << 10;

  @TempDir private Path directory;

  private MachineConfig config(int ports) {
    MachineConfig.Builder builder =
        MachineConfig.builder(TestImages.bareMetal("serial-echo"))
            .memory(SerialEcho.MEMORY)
            .serial(SerialConfig.defaults().withMaxPorts(ports));
    for (int nr = 0; nr < ports; nr++) {
      Path socket = socket(nr);
      builder.channel(
          new ChannelConfig(
              nr == 0 ? PortConfig.forConsole() : PortConfig.named("p" + nr).withNr(nr),
              loop -> UnixServerBackend.listen(socket, false)));
    }
    return builder.build();
  }

  private Path socket(int nr) {
    return directory.resolve("s" + nr);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 16, 511})
  void descriptorsAndThreads_ofAMachineWithAllPortsConnected_areWithinTheBound(int ports)
      throws Exception {
    MachineConfig config = config(ports);
    MachineOverhead bound = MachineOverhead.of(config);
    long before = OpenDescriptors.count(target -> true);
    int threadsBefore = Thread.getAllStackTraces().size();
    List<SocketChannel> hosts = new ArrayList<>();
    try (Machine machine = Machine.create(config)) {
      machine.start();
      for (int nr = 0; nr < ports; nr++) {
        hosts.add(SocketChannel.open(UnixDomainSocketAddress.of(socket(nr))));
      }
      CountDownLatch accepted = new CountDownLatch(1);
      machine.eventLoop().executeWhenIdle(accepted::countDown);
      assertTrue(accepted.await(30, TimeUnit.SECONDS));

      long used = OpenDescriptors.count(target -> true) - before - hosts.size();
      int threads = Thread.getAllStackTraces().size() - threadsBefore;
      assertTrue(used <= bound.descriptors(), used + " of " + bound);
      assertTrue(used > bound.descriptors() - SLACK, used + " of " + bound);
      assertTrue(threads <= bound.threads(), threads + " of " + bound);
    } finally {
      for (SocketChannel host : hosts) {
        host.close();
      }
    }
  }

  @Test
  void nativeMemory_ofAMachineWithShortMessages_isSmall() throws Exception {
    MachineConfig config = SerialEcho.config("", ChannelBackend::new).build();
    long before = nativeBytes();
    try (Machine machine = Machine.create(config)) {
      machine.start();
      try (Channel channel = machine.channels().openChannel("test")) {
        channel.write(ByteBuffer.wrap("ping".getBytes(US_ASCII)));
        assertEquals("ping", new String(Channels.newInputStream(channel).readNBytes(4), US_ASCII));
      }

      long used = nativeBytes() - before;
      assertTrue(used <= NATIVE_BYTES, () -> used + " bytes");
    }
  }

  /** Returns how much memory outside the heap was allocated, except mappings. */
  private static long nativeBytes() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }
}
