package org.microvm.machine.transfer;

import java.io.IOException;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.memory.MemoryRuns;

/** The machine whose guest is migrated. */
public interface MigrationSource extends AutoCloseable {
  /**
   * The payload of HELLO, which the destination compares with its machine: RAM, vCPUs, CPU
   * features.
   */
  byte[] description() throws IOException;

  /**
   * Saves the state a few times to warm up the JVM, unless this process has warmed up migration.
   */
  void warmUp() throws IOException;

  /** Starts to track written pages. */
  DirtyTracker track() throws ErrnoException;

  /** Flushes the disks while the guest runs, so that less is left to flush during the downtime. */
  void flushDisks();

  /** Whether all of RAM is in a file that can be handed over. */
  boolean hasMemoryFile();

  /** The file of RAM; the machine closes it. */
  Fd memoryFile();

  /** Visits all pages of RAM that are not zero. */
  void visitAll(MemoryRuns.Visitor visitor) throws IOException;

  /** Stops the guest and its devices until the result is closed. */
  Stopped stop() throws MachineException, InterruptedException;

  /** Frees what {@link #warmUp} created. */
  @Override
  void close();

  /** A stopped guest. Used by one thread. */
  interface Stopped extends AutoCloseable {
    /** Saves the state; devices may complete requests and write to guest memory meanwhile. */
    byte[] save() throws IOException;

    /** Sends the connections, if the destination is on this host, and the state. */
    void send(MigrationStream stream, byte[] state) throws IOException;

    /**
     * Ends the input of the host programs' connections and sends the bytes that the guest has not
     * received. The ports keep these bytes, too, in case the guest continues here.
     */
    void sendInput(MigrationStream stream) throws IOException;

    /** Flushes the disks and releases their locks, so that the destination can write to them. */
    void unlockDisks() throws IOException;

    /**
     * Commits to the handover: from now on the guest may run at the destination, and resets are
     * refused here.
     *
     * @throws IOException if the guest has ended, or was paused or resumed since its state was sent
     */
    void commit() throws IOException;

    /**
     * Keeps the guest paused and its devices stopped, because the destination may be running it.
     */
    void stay();

    /** Releases the guest, its memory and its connections, because the destination runs it. */
    void leave();

    /** Resumes the guest here, unless {@link #leave} or {@link #stay} was called. */
    @Override
    void close();
  }
}
