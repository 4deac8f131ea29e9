package org.microvm.virtioserial;

/**
 * The order of the two numbers in a RESIZE control message.
 *
 * <p>The specification has columns first. Linux read rows first for 15 years, read columns first
 * for some releases of 2025, and then went back; so the guest decides which one is right.
 */
public enum ResizeOrder {
  /** As the specification says. */
  COLUMNS_ROWS,
  /** As most releases of Linux read it. */
  ROWS_COLUMNS
}
