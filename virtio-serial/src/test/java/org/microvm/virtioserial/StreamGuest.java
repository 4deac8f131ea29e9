package org.microvm.virtioserial;

import java.io.IOException;
import java.util.Random;
import java.util.zip.CRC32C;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.UsedBuffer;
import org.microvm.devices.testing.VirtqueueDriver;

/**
 * Both ends of one stream in each direction: a guest that keeps both rings busy, and a host
 * program.
 */
final class StreamGuest {
  static final int STREAM = 8 << 20;
  private static final int LARGEST = 20_000;

  record Sums(long sent, long received) {}

  private static final int RING = 64;

  private final Guest guest;
  private final Random random;
  private final VirtqueueDriver in;
  private final VirtqueueDriver out;
  private final int inIndex;
  private final int outIndex;
  private final long[] inAddress = new long[RING];
  private final long[] outAddress = new long[RING];
  private final CRC32C sent = new CRC32C();
  private final CRC32C received = new CRC32C();
  private int toSend = STREAM;
  private int toReceive = STREAM;

  StreamGuest(Guest guest, int nr, long seed) {
    this.guest = guest;
    random = new Random(seed + 100);
    inIndex = Guest.in(nr);
    outIndex = Guest.out(nr);
    in = guest.queue(inIndex);
    out = guest.queue(outIndex);
    for (int i = 0; i < RING; i++) {
      inAddress[i] = guest.ram().allocate(LARGEST, 1);
      outAddress[i] = guest.ram().allocate(LARGEST, 1);
    }
  }

  Sums run(Runnable between) {
    while (toReceive > 0 || toSend > 0 || out.freeDescriptors() < RING) {
      between.run();
      boolean busy = collect() | giveBuffers() | transmit();
      if (!busy && !in.enableInterrupts() & !out.enableInterrupts()) {
        guest.awaitInterrupt();
      }
    }
    return new Sums(sent.getValue(), received.getValue());
  }

  /** Each buffer has two pieces of random sizes. */
  private boolean giveBuffers() {
    boolean given = in.freeDescriptors() >= 2;
    while (in.freeDescriptors() >= 2) {
      long slot = inAddress[freeSlot(in)];
      int size = 2 + random.nextInt(LARGEST - 2);
      int first = 1 + random.nextInt(size - 1);
      int head =
          guest
              .driver()
              .send(
                  inIndex,
                  Buffer.writable(slot, first),
                  Buffer.writable(slot + first, size - first));
      headAddress[head] = slot;
    }
    return given;
  }

  private final long[] headAddress = new long[RING];
  private final boolean[] taken = new boolean[RING];

  private int freeSlot(VirtqueueDriver queue) {
    for (int i = 0; i < RING; i++) {
      if (!taken[i]) {
        taken[i] = true;
        return i;
      }
    }
    throw new AssertionError("no free buffer slot");
  }

  private boolean collect() {
    boolean any = false;
    for (UsedBuffer used = in.poll(); used != null; used = in.poll()) {
      any = true;
      long address = headAddress[used.head()];
      received.update(guest.ram().load(address, (int) used.length()));
      toReceive -= (int) used.length();
      release(address);
    }
    while (out.next() >= 0) {
      any = true;
    }
    return any;
  }

  private void release(long address) {
    for (int i = 0; i < RING; i++) {
      if (inAddress[i] == address) {
        taken[i] = false;
      }
    }
  }

  private int nextOut;

  private boolean transmit() {
    boolean any = false;
    while (toSend > 0 && out.freeDescriptors() >= 2) {
      any = true;
      byte[] bytes = new byte[Math.min(toSend, 2 + random.nextInt(LARGEST - 2))];
      random.nextBytes(bytes);
      // The device uses these buffers in order, so the slots are reused in a circle.
      long address = outAddress[nextOut++ % RING];
      guest.ram().put(address, bytes);
      sent.update(bytes);
      toSend -= bytes.length;
      int first = bytes.length / 2;
      guest
          .driver()
          .send(
              outIndex,
              Buffer.readable(address, first),
              Buffer.readable(address + first, bytes.length - first));
    }
    return any;
  }

  static long send(Host host, long seed) {
    Random random = new Random(seed);
    CRC32C sum = new CRC32C();
    for (int left = STREAM; left > 0; ) {
      byte[] piece = new byte[Math.min(left, 1 + random.nextInt(LARGEST))];
      random.nextBytes(piece);
      sum.update(piece);
      left -= piece.length;
      try {
        host.write(piece);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
    return sum.getValue();
  }

  static long receive(Host host, long seed) {
    Random random = new Random(-seed);
    CRC32C sum = new CRC32C();
    for (int left = STREAM; left > 0; ) {
      try {
        byte[] piece = host.read(Math.min(left, 1 + random.nextInt(LARGEST)));
        sum.update(piece);
        left -= piece.length;
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
    return sum.getValue();
  }
}
