package org.microvm.memory;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The pages of guest RAM that this process has written. A migration needs them because KVM logs
 * only the writes of vCPUs.
 *
 * <p>Page numbers count from the start of the file that backs RAM. Code that writes RAM while the
 * guest runs marks the pages after the write, so a page that a migration reads between the write
 * and the mark is read again. While tracking is off, a mark costs one volatile read. Any thread may
 * call.
 */
public final class DirtyPages {
  /** Size of a page in bytes. */
  public static final int PAGE = 4096;

  private static final int PAGE_SHIFT = 12;
  private static final int WORD_SHIFT = 6;

  private final long pages;
  private volatile AtomicLongArray bits;

  DirtyPages(long bytes) {
    pages = bytes >>> PAGE_SHIFT;
  }

  /** {@return whether tracking is on} */
  public boolean isOn() {
    return bits != null;
  }

  /**
   * Turns tracking on or off; earlier marks are discarded.
   *
   * @param on whether writes are to be marked from now on
   */
  public void enable(boolean on) {
    bits = on ? new AtomicLongArray((int) Math.ceilDiv(pages, Long.SIZE)) : null;
  }

  /**
   * Marks the pages of a range; does nothing while tracking is off.
   *
   * @param fileOffset offset of the range in the file that backs RAM, in bytes
   * @param length in bytes; 0 or less marks nothing
   */
  public void mark(long fileOffset, long length) {
    AtomicLongArray words = bits;
    if (words == null || length <= 0) {
      return;
    }
    long last = (fileOffset + length - 1) >>> PAGE_SHIFT;
    for (long page = fileOffset >>> PAGE_SHIFT; page <= last; page++) {
      int word = (int) (page >>> WORD_SHIFT);
      long bit = 1L << page;
      if ((words.getPlain(word) & bit) == 0) {
        words.getAndUpdate(word, old -> old | bit);
      }
    }
  }

  /**
   * Returns and clears the marks of 64 pages.
   *
   * @param word number of the group of pages; its first page is {@code 64 * word}
   * @return bit n is set if page {@code 64 * word + n} was written; 0 while tracking is off
   */
  public long take(int word) {
    AtomicLongArray words = bits;
    return words == null ? 0 : words.getAndSet(word, 0);
  }
}
