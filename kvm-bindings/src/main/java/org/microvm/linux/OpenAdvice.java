package org.microvm.linux;

import java.nio.file.Path;

/** What a person can try when a file does not open; {@code /dev/kvm} above all. */
final class OpenAdvice {
  private static final Path KVM = Path.of("/dev/kvm");

  private OpenAdvice() {}

  static String of(Path path, int errno) {
    return path.equals(KVM) ? kvm(errno) : other(errno);
  }

  private static String kvm(int errno) {
    return switch (errno) {
      case Errno.ENOENT ->
          "no KVM here: load the module (modprobe kvm_intel or kvm_amd), in a cloud VM switch nested"
              + " virtualization on, in a container pass the device in (--device /dev/kvm)";
      case Errno.EACCES, Errno.EPERM ->
          "add yourself to the device's group (sudo usermod -aG kvm $USER, then log in again)";
      case Errno.ENODEV, Errno.ENXIO ->
          "the kernel has no working KVM: switch virtualization on in the firmware, then look at"
              + " dmesg | grep -i kvm";
      default -> "";
    };
  }

  private static String other(int errno) {
    return switch (errno) {
      case Errno.EMFILE -> "too many open files: raise the limit (ulimit -n)";
      default -> "";
    };
  }
}
