package org.microvm.machine.snapshot;

import java.util.AbstractList;
import java.util.Arrays;
import java.util.RandomAccess;
import org.microvm.devices.state.StateException;

/**
 * A list of runs of pages that takes 16 bytes for each: a guest decides how many there are, by the
 * pages that it writes. It only grows.
 */
public final class PageRuns extends AbstractList<SnapshotBase.Run> implements RandomAccess {
  /** As many as a saved state has room for, besides the rest of it. */
  private static final int MAX = 3 << 20;

  private static final int FIRST = 16;

  private long[] numbers = new long[FIRST];
  private int size;

  /** Creates an empty list. */
  public PageRuns() {}

  /**
   * Appends a run.
   *
   * @param offset in the memory file, in bytes
   * @param length in bytes
   * @throws StateException if there are too many
   */
  public void append(long offset, long length) throws StateException {
    if (size == MAX) {
      throw new StateException(
          "the pages are in more than %d runs: take a full snapshot".formatted(MAX));
    }
    if (2 * size == numbers.length) {
      numbers = Arrays.copyOf(numbers, 2 * numbers.length);
    }
    numbers[2 * size] = offset;
    numbers[2 * size + 1] = length;
    size++;
    modCount++;
  }

  @Override
  public SnapshotBase.Run get(int index) {
    if (index < 0 || index >= size) {
      throw new IndexOutOfBoundsException(index);
    }
    return new SnapshotBase.Run(numbers[2 * index], numbers[2 * index + 1]);
  }

  @Override
  public int size() {
    return size;
  }
}
