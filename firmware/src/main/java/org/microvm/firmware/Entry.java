package org.microvm.firmware;

/** Which of a kernel's entry points to start at. */
public enum Entry {
  /**
   * As the image asks: Linux at its 64-bit entry, any other image with a PVH note at that, an ELF64
   * without one at {@code e_entry} in 64-bit mode.
   */
  AUTO,
  /** {@code e_entry} in 64-bit mode, RSI pointing to {@code boot_params}. */
  ELF64,
  /** The PVH note's entry in 32-bit protected mode, EBX pointing to {@code hvm_start_info}. */
  PVH
}
