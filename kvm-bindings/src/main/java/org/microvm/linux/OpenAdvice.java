package org.microvm.linux;

import java.nio.file.Path;

/** Advice for the user when a file cannot be opened, mainly for {@code /dev/kvm}. */
final class OpenAdvice {
  private static final Path KVM = Path.of("/dev/kvm");

  private OpenAdvice() {}

  static String of(Path path, int errno) {
    return path.equals(KVM) ? kvm(errno) : ErrnoException.advice(errno);
  }

  private static String kvm(int errno) {
    return switch (errno) {
      case Errno.ENOENT ->
          "KVM is missing: load its module (modprobe kvm_intel or kvm_amd); in a cloud VM, enable"
              + " nested virtualization; in a container, pass the device in (--device /dev/kvm)";
      case Errno.EACCES, Errno.EPERM ->
          "add yourself to the device's group (sudo usermod -aG kvm $USER, then log in again)";
      case Errno.ENODEV, Errno.ENXIO ->
          "the kernel has no working KVM: enable virtualization in the firmware, then check"
              + " dmesg | grep -i kvm";
      default -> ErrnoException.advice(errno);
    };
  }
}
