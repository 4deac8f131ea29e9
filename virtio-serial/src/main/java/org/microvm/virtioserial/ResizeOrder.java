package org.microvm.virtioserial;

/**
 * The order of the two numbers in a RESIZE control message.
 *
 * <p>The specification puts columns first. Linux read rows first for 15 years, changed to columns
 * first in 2025, also in its stable releases (commit 5326ab737a47), and reverted that in September
 * 2025. So the right order depends on the guest's kernel.
 */
public enum ResizeOrder {
  /** Columns first, as in the specification. */
  COLUMNS_ROWS,
  /** Rows first, as most releases of Linux read it. */
  ROWS_COLUMNS
}
