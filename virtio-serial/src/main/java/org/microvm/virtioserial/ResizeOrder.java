package org.microvm.virtioserial;

/**
 * The order of the two numbers in a RESIZE control message.
 *
 * <p>The specification puts columns first (virtio 1.3, section 5.3.6.2). Linux read rows first for
 * 15 years. In 2025 commit 5326ab737a47 changed it to columns first, also in stable branches; in
 * September 2025 mainline reverted that. So the right order depends on the guest's kernel.
 */
public enum ResizeOrder {
  /** Columns first, as in the specification. */
  COLUMNS_ROWS,
  /** Rows first, as most releases of Linux read it. */
  ROWS_COLUMNS
}
