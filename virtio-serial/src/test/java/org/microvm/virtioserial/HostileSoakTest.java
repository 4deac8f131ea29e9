package org.microvm.virtioserial;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.VirtqueueDriver;
import org.microvm.devices.virtio.MmioRegister;
import org.microvm.virtioserial.backend.ConsoleSize;

/**
 * A guest that does arbitrary things to the device at any moment, while host programs connect,
 * send, read and disconnect, and ports are added and removed. The test expects no exception, no
 * deadlock, and a device that works afterwards.
 *
 * <p>{@code -Dmicrovm.soak.seconds} and {@code -Dmicrovm.soak.seed} as in {@link SoakTest}.
 */
class HostileSoakTest {
  private static final int SECONDS = Integer.getInteger("microvm.soak.seconds", 4);
  private static final long SEED = Long.getLong("microvm.soak.seed", System.nanoTime());
  private static final int PORTS = 7;
  private static final int BLOB = 1 << 20;
  private static final long[] LENGTHS = {0, 1, 100, 4096, 65_536, BLOB};

  @TempDir Path directory;
  private final Random random = new Random(SEED);
  private SerialMachine machine;
  private Guest guest;
  private long blob;
  private long lifeBegins;
  private volatile boolean over;

  @Test
  @Timeout(value = 30, unit = TimeUnit.MINUTES)
  void soak_hostileGuestAndRestlessHosts_leaveAWorkingDevice() throws Exception {
    ErrorLog.takeErrors();
    SerialConfig config = SerialConfig.defaults().withConsoleSize(new ConsoleSize(80, 25));
    machine = SerialMachine.withMemory(directory, config, 64 << 20);
    try {
      machine.device.removeListener(machine.events);
      guest = machine.guest;
      blob = guest.ram().allocate(BLOB, 16);
      lifeBegins = guest.ram().mark();
      for (int nr = 0; nr <= PORTS; nr++) {
        plugIn(nr);
      }
      List<Thread> hosts = startHosts();
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
      while (System.nanoTime() < end) {
        oneLife();
      }
      over = true;
      // First, because a host program may be waiting in a full backlog.
      for (int nr = 0; nr <= PORTS; nr++) {
        machine.device.removePort(nr);
      }
      for (Thread host : hosts) {
        host.join();
      }
      assertEverythingWorks();
    } catch (Throwable e) {
      throw new AssertionError("failed; repeat with -Dmicrovm.soak.seed=" + SEED, e);
    } finally {
      over = true;
      machine.close();
    }
    assertEquals(List.of(), ErrorLog.takeErrors(), "repeat with -Dmicrovm.soak.seed=" + SEED);
  }

  /** Starts the driver and drives it as far as it gets. */
  private void oneLife() throws Exception {
    guest.driver().reset();
    guest.ram().rewind(lifeBegins);
    guest.probe(guest.driver().offeredFeatures());
    send(Guest.CONTROL_OUT, -1, Control.DEVICE_READY, 1);
    fill(Guest.CONTROL_IN);
    for (int nr = 0; nr <= PORTS; nr++) {
      send(Guest.CONTROL_OUT, nr, Control.PORT_READY, 1);
    }
    for (int i = random.nextInt(400); i > 0; i--) {
      act(random.nextInt(PORTS + 1));
    }
  }

  private void act(int nr) throws Exception {
    switch (random.nextInt(20)) {
      case 0, 1 -> fill(Guest.in(nr));
      case 2, 3, 4, 5 -> transmit(nr);
      case 6, 7 -> send(Guest.CONTROL_OUT, nr, Control.PORT_OPEN, random.nextInt(2));
      case 8 -> send(Guest.CONTROL_OUT, nr, random.nextInt(9), random.nextInt(3));
      case 9 -> fill(Guest.CONTROL_IN);
      case 10 -> guest.driver().notifyQueue(random.nextInt(20));
      case 11 -> guest.driver().acknowledge();
      case 12 -> guest.driver().writeConfig(random.nextInt(16), 1 << random.nextInt(3), nr);
      case 13 -> machine.device.resize(0, new ConsoleSize(1 + random.nextInt(200), 25));
      case 14 -> replug(nr);
      case 15 -> rarely(10, () -> stopQueue(random.nextInt(18)));
      case 16 -> rarely(20, () -> guest.queue(Guest.out(nr)).offer(random.nextInt(70_000)));
      case 17 -> rarely(20, () -> guest.queue(Guest.in(nr)).offer(random.nextInt(70_000)));
      case 18 -> rarely(20, () -> scribble(guest.queue(random.nextInt(18))));
      default -> machine.status(nr);
    }
  }

  private void rarely(int one, Runnable action) {
    if (random.nextInt(one) == 0) {
      action.run();
    }
  }

  private void fill(int queue) {
    VirtqueueDriver ring = guest.queue(queue);
    while (ring.freeDescriptors() > 0) {
      ring.stage(Buffer.writable(blob, 1 + random.nextInt(4096)));
    }
    ring.publish();
    guest.driver().notifyQueue(queue);
  }

  private void transmit(int nr) {
    VirtqueueDriver ring = guest.queue(Guest.out(nr));
    if (ring.freeDescriptors() >= 2) {
      long length = LENGTHS[random.nextInt(LENGTHS.length)];
      ring.add(Buffer.readable(blob, length), Buffer.readable(blob, random.nextInt(100)));
      guest.driver().notifyQueue(Guest.out(nr));
    }
  }

  private void send(int queue, int id, int event, int value) {
    VirtqueueDriver ring = guest.queue(queue);
    if (ring.freeDescriptors() > 0) {
      byte[] message = Control.encode(id, event, value);
      ring.add(Buffer.readable(guest.ram().store(message), message.length));
      guest.driver().notifyQueue(queue);
    }
  }

  private void scribble(VirtqueueDriver ring) {
    ring.descriptor(
        random.nextInt(64),
        random.nextLong(),
        random.nextInt(),
        random.nextInt(8),
        random.nextInt(64));
    ring.availableIndex(random.nextInt(65_536));
  }

  private void stopQueue(int index) {
    guest.driver().write(MmioRegister.QUEUE_SEL, index);
    guest.driver().write(MmioRegister.QUEUE_READY, 0);
  }

  private void plugIn(int nr) throws Exception {
    PortConfig config = nr == 0 ? PortConfig.forConsole() : PortConfig.unnamed();
    config = config.withName("p" + nr).withNr(nr).withCacheBuffers(random.nextBoolean());
    config = config.withByteLimit(random.nextInt(100_000));
    config = config.withGuestByteLimit(random.nextInt(2) * random.nextInt(100_000));
    if (nr > 4) {
      config = config.withGuestClose(GuestClose.DISCONNECT);
    }
    if (nr == 4) {
      config = config.withRate(new RateLimit(10 << 20, 10_000));
    }
    machine.addUnix(config, "p" + nr);
  }

  private void replug(int nr) throws Exception {
    if (random.nextInt(4) == 0) {
      machine.device.removePort(nr);
      plugIn(nr);
    }
  }

  private List<Thread> startHosts() {
    List<Thread> hosts = new ArrayList<>();
    for (int nr = 0; nr <= PORTS; nr++) {
      Path path = machine.path("p" + nr);
      long seed = SEED + nr;
      hosts.add(Thread.ofPlatform().daemon().start(() -> live(path, new Random(seed))));
    }
    return hosts;
  }

  /** A host program that connects and disconnects. */
  private void live(Path path, Random decisions) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(64 * 1024);
    while (!over) {
      try (Host host = Host.connect(path)) {
        SocketChannel socket = host.socket();
        socket.configureBlocking(false);
        for (int i = decisions.nextInt(200); i > 0 && !over; i--) {
          bytes.clear().limit(1 + decisions.nextInt(bytes.capacity()));
          if (decisions.nextBoolean()) {
            socket.write(bytes);
          } else if (socket.read(bytes) < 0) {
            break;
          }
        }
      } catch (IOException e) {
        Thread.onSpinWait(); // The port is being replaced, or disconnects the program.
      }
    }
  }

  private void assertEverythingWorks() throws Exception {
    guest.boot();
    guest.waiting();
    for (int nr = 0; nr <= PORTS; nr++) {
      plugIn(nr);
      machine.idle();
      guest.waiting();
      guest.ready(nr);
      guest.open(nr);
      try (Host host = Host.connect(machine.path("p" + nr))) {
        host.write("ping");
        assertEquals("ping", new String(guest.read(nr, 4)));
        guest.write(nr, "pong".getBytes());
        assertEquals("pong", host.readText(4));
      }
      machine.idle();
      guest.waiting();
    }
  }
}
