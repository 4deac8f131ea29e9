package org.microvm.kvm;

import java.lang.foreign.MemorySegment;
import org.microvm.linux.ErrnoException;

/**
 * A log of the pages that a guest writes, of one range of its memory (KVM API, KVM_GET_DIRTY_LOG).
 */
public interface DirtyLog {
  /**
   * Starts or stops logging; does nothing if it is already so.
   *
   * @param on whether to log from now on
   * @throws ErrnoException if KVM refuses, for example because the VM is closed
   */
  void logDirtyPages(boolean on) throws ErrnoException;

  /**
   * {@return the size in bytes of a bitmap for {@link #takeDirtyPages}: one bit per page, in whole
   * 64-bit words}
   */
  long dirtyBitmapBytes();

  /**
   * Copies the log of the pages that the guest has written since the last call into a bitmap,
   * lowest page in the lowest bit, and clears the log. Writes by this process are not in it.
   *
   * @param bitmap native, of at least {@link #dirtyBitmapBytes}
   * @throws ErrnoException if KVM refuses, for example because logging is off
   */
  void takeDirtyPages(MemorySegment bitmap) throws ErrnoException;
}
