package org.microvm.firmware;

/** The entry point at which a kernel is started. */
public enum BootProtocol {
  /**
   * Chosen from the image: Linux at its 64-bit entry, any other image with a PVH note at the PVH
   * entry, an ELF64 image without one at {@code e_entry} in 64-bit mode.
   */
  AUTO,
  /** {@code e_entry} in 64-bit mode, with RSI pointing to {@code boot_params}. */
  ELF64,
  /** The PVH note's entry in 32-bit protected mode, with EBX pointing to {@code hvm_start_info}. */
  PVH
}
