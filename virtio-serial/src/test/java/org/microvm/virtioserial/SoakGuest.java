package org.microvm.virtioserial;

import java.util.ArrayDeque;
import java.util.Random;
import org.microvm.devices.testing.Buffer;
import org.microvm.devices.testing.VirtqueueDriver;

/** The guest's end of one port number, for all ports that have it one after the other. */
final class SoakGuest {
  private static final int SLOTS = 8;
  private static final int SLOT_BYTES = 16 * 1024;

  private final Guest guest;
  private final int nr;
  private final VirtqueueDriver out;
  private final ArrayDeque<Long> free = new ArrayDeque<>();
  private final long[] slotOfHead = new long[64];

  private StreamPattern sending;
  private StreamPattern receiving;
  private boolean open;
  private long sent;
  private long received;

  SoakGuest(Guest guest, int nr) {
    this.guest = guest;
    this.nr = nr;
    out = guest.queue(Guest.out(nr));
    for (int i = 0; i < SLOTS; i++) {
      free.add(guest.ram().allocate(SLOT_BYTES, 1));
    }
  }

  /** Records that the driver has learned of a port, whose name gives the key of its streams. */
  void appeared(int key) {
    sending = new StreamPattern(~key);
    receiving = new StreamPattern(key);
    sent = 0;
    received = 0;
  }

  /** Records that the driver has learned of the port's removal. */
  void vanished() {
    read();
    sending = null;
    open = false;
  }

  boolean isThere() {
    return sending != null;
  }

  boolean isOpen() {
    return open;
  }

  /** Returns the bytes sent to the port since it appeared. */
  long sent() {
    return sent;
  }

  /** Returns the bytes received from the port since it appeared. */
  long received() {
    return received;
  }

  /** Returns whether the device has used all buffers that were sent. */
  boolean isDrained() {
    return free.size() == SLOTS;
  }

  void open() {
    guest.open(nr);
    open = true;
  }

  void close() {
    guest.close(nr);
    // Reads what arrived before the device handled the close; nothing may arrive from now on.
    read();
    open = false;
  }

  /** Sends a random number of bytes in several pieces, if a buffer is free. */
  void write(Random random) {
    reclaim();
    Long slot = free.poll();
    if (slot == null) {
      return;
    }
    int count = 1 + random.nextInt(SLOT_BYTES);
    int first = random.nextInt(count + 1);
    guest.ram().put(slot, sending.bytes(sent, count));
    sent += count;
    int head =
        guest
            .driver()
            .send(
                Guest.out(nr),
                Buffer.readable(slot, first),
                Buffer.readable(slot + first, count - first));
    slotOfHead[head] = slot;
  }

  /** Reclaims the buffers that the device has used. */
  void reclaim() {
    for (int head = out.next(); head >= 0; head = out.next()) {
      free.add(slotOfHead[head]);
    }
  }

  /** Reads everything that has arrived. */
  void read() {
    byte[] bytes = guest.receiveAll(Guest.in(nr));
    if (bytes.length == 0) {
      return;
    }
    if (!open) {
      throw new AssertionError("port %d: %d bytes for a closed port".formatted(nr, bytes.length));
    }
    SoakTest.check(receiving, received, bytes, "host to guest, port %d".formatted(nr));
    received += bytes.length;
  }
}
