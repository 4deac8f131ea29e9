package org.microvm.machine.board;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.microvm.devices.legacy.CmosRtc;
import org.microvm.devices.virtio.VirtioDevice;
import org.microvm.devices.virtio.VirtioMmioTransport;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.EventFd;
import org.microvm.linux.EventLoop;
import org.microvm.linux.Fd;
import org.microvm.machine.config.MachineStatistics;
import org.microvm.machine.jfr.FlightRecording;
import org.microvm.machine.jfr.KickEvent;

/**
 * A slot with a virtio-mmio device: its address, its interrupt, an eventfd for each queue, watched
 * by the event loop, and optionally a page from which the guest reads registers.
 *
 * @param address guest-physical address of the registers
 * @param gsi number of the interrupt
 * @param transport serves accesses to the registers
 * @param interrupt signalled by the device
 * @param notifyFds signalled by KVM when the driver notifies a queue, by queue number; a single one
 *     for all queues if the machine shares its event loop
 * @param fastPath registers without exits; empty if they are off, or KVM lacks read-only memory
 *     slots
 * @param watches the event loop's watches on the eventfds
 */
public record VirtioSlot(
    long address,
    int gsi,
    VirtioMmioTransport transport,
    EventFd interrupt,
    List<EventFd> notifyFds,
    Optional<MappedRegisters> fastPath,
    List<EventLoop.Watch> watches) {
  /** Bytes of address space of a slot. */
  public static final long LENGTH = VirtioMmioTransport.LENGTH;

  /**
   * Address of the first slot, in the hole that RAM leaves below 4 GiB; Firecracker uses it too.
   */
  static final long FIRST_ADDRESS = 0xd000_0000L;

  /** GSIs 0 to 4, and 8, belong to the PC's legacy devices; KVM's I/O APIC ends at 23. */
  private static final int FIRST_GSI = 5;

  private static final int LAST_GSI = 23;

  /**
   * The slot to which the order of GSIs would assign that of the real-time clock. It gets the last
   * GSI instead; in earlier versions it shared the clock's.
   */
  static final int CLOCKS_SLOT = CmosRtc.IRQ - FIRST_GSI;

  /** Number of slots: one for each free interrupt. */
  public static final int COUNT = LAST_GSI - FIRST_GSI;

  private static int gsi(int index) {
    return index == CLOCKS_SLOT ? LAST_GSI : FIRST_GSI + index;
  }

  static VirtioSlot open(int index, VirtioDevice device, Board board) throws ErrnoException {
    EventFd interrupt = EventFd.open();
    MappedRegisters mapped;
    try {
      mapped = board.mapsRegisters() ? MappedRegisters.open(board.registerPage(index)) : null;
    } catch (ErrnoException | RuntimeException | Error e) {
      interrupt.close();
      throw e;
    }
    VirtioMmioTransport transport =
        new VirtioMmioTransport(
            device,
            board.ram().memory(),
            board.interruptOf(index, interrupt),
            mapped == null ? null : mapped.registerPage());
    VirtioSlot slot =
        new VirtioSlot(
            FIRST_ADDRESS + index * LENGTH,
            gsi(index),
            transport,
            interrupt,
            new ArrayList<>(),
            Optional.ofNullable(mapped),
            new ArrayList<>());
    try {
      slot.listen(board.loop());
      return slot;
    } catch (ErrnoException | RuntimeException | Error e) {
      slot.close();
      throw e;
    }
  }

  private void listen(EventLoop loop) throws ErrnoException {
    if (loop.isShared()) {
      // One eventfd for all queues: many machines have many descriptors.
      listen(loop, KickEvent.ANY_QUEUE, transport::queuesNotified);
    } else {
      for (int i = 0; i < transport.queueCount(); i++) {
        int queue = i;
        listen(loop, queue, count -> transport.queueNotified(queue, count));
      }
    }
    if (fastPath.isPresent()) {
      Fd acknowledgements = fastPath.get().acknowledgements().fd();
      watches.add(loop.watch(acknowledgements, EventLoop.IN, ready -> transport.acknowledged()));
    }
  }

  /** Serves notifications of queues; returns whether one of them had a buffer. */
  @FunctionalInterface
  private interface Queues {
    boolean notified(long count);
  }

  private void listen(EventLoop loop, int queue, Queues queues) throws ErrnoException {
    EventFd notifyFd = EventFd.open();
    notifyFds.add(notifyFd);
    watches.add(
        loop.watch(
            notifyFd.fd(),
            EventLoop.IN,
            ready -> {
              KickEvent event = FlightRecording.isOn() ? KickEvent.start() : null;
              long count = notifyFd.drain();
              boolean useful = queues.notified(count);
              if (event != null) {
                event.set(address, queue, count, !useful).commit();
              }
            }));
  }

  /** Whether each queue has an eventfd of its own. */
  public boolean hasEventPerQueue() {
    return notifyFds.size() == transport.queueCount();
  }

  /** Counters of the device and its driver. */
  public MachineStatistics.Device statistics() {
    return new MachineStatistics.Device(
        address, gsi, transport.deviceId(), fastPath.isPresent(), transport.statistics());
  }

  /** Closes the watches and the eventfds. */
  void close() {
    watches.forEach(EventLoop.Watch::close);
    notifyFds.forEach(EventFd::close);
    fastPath.ifPresent(MappedRegisters::close);
    interrupt.close();
  }
}
