package org.microvm.firmware;

/** The kinds of kernels that need different parameters. */
public enum KernelKind {
  /** Any kernel but Linux, such as a bare-metal program. */
  OTHER,
  /** Linux. */
  LINUX,
  /** Linux with this project's patches for hosts whose KVM emulates the kernel's code. */
  LINUX_FOR_EMULATION
}
