package org.microvm.memory;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The pages of guest RAM that this process has written, for a migration: KVM notes only what vCPUs
 * write.
 *
 * <p>Pages are counted from the start of the file behind RAM. Whoever writes RAM while the guest
 * runs marks it afterwards: a page that is read between the write and the mark is read once more.
 * While nobody wants to know, marking costs one look at a flag. Any thread may call.
 */
public final class DirtyPages {
  /** Bytes in a page. */
  public static final int PAGE = 4096;

  private static final int PAGE_SHIFT = 12;
  private static final int WORD_SHIFT = 6;

  private final long pages;
  private volatile AtomicLongArray bits;

  DirtyPages(long bytes) {
    pages = bytes >>> PAGE_SHIFT;
  }

  /** Whether marks are kept. */
  public boolean isOn() {
    return bits != null;
  }

  /** Begins to keep marks, or forgets them. */
  public void enable(boolean on) {
    bits = on ? new AtomicLongArray((int) Math.ceilDiv(pages, Long.SIZE)) : null;
  }

  /** Marks the pages of a range. */
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

  /** Takes the marks of 64 pages, the first of which is {@code 64 * word}, and forgets them. */
  public long take(int word) {
    AtomicLongArray words = bits;
    return words == null ? 0 : words.getAndSet(word, 0);
  }
}
