package org.microvm.firmware;

/**
 * The code at F000:FFF0, where the firmware of a PC begins and where guests jump in real mode to
 * reboot. Linux does so on a hardware-reduced machine without EFI, where it tries neither the reset
 * register nor the keyboard controller (reboot_init and BOOT_BIOS in arch/x86/kernel/reboot.c).
 *
 * <p>There is no firmware here, so this code resets the machine.
 */
final class ResetVector {
  private static final int I8042_COMMAND = 0x64;
  private static final int PULSE_RESET_LINE = 0xfe;

  private ResetVector() {}

  /** {@return the code, at most 16 bytes} */
  static byte[] build() {
    return new byte[] {
      (byte) 0xb0,
      (byte) PULSE_RESET_LINE, // mov al, 0xfe
      (byte) 0xe6,
      I8042_COMMAND, // out 0x64, al
      (byte) 0xfa, // cli
      (byte) 0xf4, // hlt
      (byte) 0xeb,
      (byte) 0xfd // jmp to the hlt
    };
  }
}
