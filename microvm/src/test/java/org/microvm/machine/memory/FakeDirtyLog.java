package org.microvm.machine.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import org.microvm.kvm.DirtyLog;
import org.microvm.linux.Errno;
import org.microvm.linux.ErrnoException;

/** A log of pages that a test writes in the guest's place. */
public final class FakeDirtyLog implements DirtyLog {
  private final int pages;
  private final BitSet written = new BitSet();
  private boolean logging;
  private boolean refuses;

  /** Creates a log of a number of pages, none of which is written yet. */
  public FakeDirtyLog(int pages) {
    this.pages = pages;
  }

  /** Writes a page as the guest does. */
  public void write(int page) {
    written.set(page);
  }

  /** Makes calls fail from now on, as those of a closed VM. */
  public void refuse() {
    refuses = true;
  }

  /** Whether writes are being logged. */
  public boolean isLogging() {
    return logging;
  }

  @Override
  public void logDirtyPages(boolean on) throws ErrnoException {
    check();
    logging = on;
  }

  @Override
  public long dirtyBitmapBytes() {
    return Math.ceilDiv(pages, Long.SIZE) * (long) Long.BYTES;
  }

  @Override
  public void takeDirtyPages(MemorySegment bitmap) throws ErrnoException {
    check();
    bitmap.fill((byte) 0);
    long[] words = written.toLongArray();
    MemorySegment.copy(words, 0, bitmap, ValueLayout.JAVA_LONG, 0, words.length);
    written.clear();
  }

  private void check() throws ErrnoException {
    if (refuses) {
      throw new ErrnoException("KVM_GET_DIRTY_LOG", Errno.EBADF);
    }
  }
}
