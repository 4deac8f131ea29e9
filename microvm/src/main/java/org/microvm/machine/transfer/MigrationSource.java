package org.microvm.machine.transfer;

import java.io.IOException;
import org.microvm.linux.ErrnoException;
import org.microvm.linux.Fd;
import org.microvm.machine.config.MachineException;
import org.microvm.machine.memory.DirtyTracker;
import org.microvm.machine.memory.MemoryRuns;

/** The machine that a migration takes the guest from. */
public interface MigrationSource extends AutoCloseable {
  /** What the other side compares with its own: RAM, vCPUs and what they can do. */
  byte[] description() throws IOException;

  /** Goes through the saving of state, unless this process has done so. */
  void rehearse() throws IOException;

  /** Begins to keep a log of what is written. */
  DirtyTracker track() throws ErrnoException;

  /** Has most of what the guest wrote on its disks already, so that it stands still shorter. */
  void flushDisks();

  /** Whether all of RAM is in a file that can be handed over. */
  boolean hasMemoryFile();

  /** The file that RAM is in; it stays the machine's. */
  Fd memoryFile();

  /** Goes through all of RAM that is not zero. */
  void visitAll(MemoryRuns.Visitor visitor) throws IOException;

  /** Stops the guest and its devices until the result is closed. */
  Stopped stop() throws MachineException, InterruptedException;

  /** Frees what {@link #rehearse} made. */
  @Override
  void close();

  /** A guest that stands still. One thread. */
  interface Stopped extends AutoCloseable {
    /** Saves the state; devices write their last to guest memory meanwhile. */
    byte[] save() throws IOException;

    /** Sends connections, if the other side is on this host, and state. */
    void send(MigrationStream stream, byte[] state) throws IOException;

    /**
     * Has the host programs send no more, and sends what they have sent and the guest has not got;
     * the ports here have it too, if the guest should go on here after all.
     */
    void sendRest(MigrationStream stream) throws IOException;

    /** Has what was written on the disks, and lets the other side write them. */
    void letGoOfDisks() throws IOException;

    /**
     * From now on the guest may go on elsewhere, and nobody resets it here.
     *
     * @return false if its life has ended
     */
    boolean commit();

    /** The guest may go on elsewhere: it stays paused here, and its devices stand still. */
    void stay();

    /** The guest goes on elsewhere: lets go of it, of its memory and of its host programs. */
    void leave();

    /** Lets the guest go on here, unless {@link #leave} or {@link #stay} was called. */
    @Override
    void close();
  }
}
