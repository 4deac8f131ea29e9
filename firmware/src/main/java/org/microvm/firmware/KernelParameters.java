package org.microvm.firmware;

/** Adds parameters that depend on the kernel to its command line. */
public interface KernelParameters {
  /** Adds nothing. */
  KernelParameters NONE =
      new KernelParameters() {
        @Override
        public String addTo(String commandLine, KernelKind kernel) {
          return commandLine;
        }
      };

  /**
   * Returns the command line for a kernel.
   *
   * @param commandLine the command line that was requested
   * @param kernel the kind of the kernel
   * @return the command line to boot with, {@code commandLine} itself if nothing is to be added
   * @throws BootException if the command line cannot be used
   */
  String addTo(String commandLine, KernelKind kernel) throws BootException;
}
