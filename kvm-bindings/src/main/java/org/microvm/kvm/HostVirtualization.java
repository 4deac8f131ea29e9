package org.microvm.kvm;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** How this host's KVM runs guests. */
public enum HostVirtualization {
  /** Intel's VMX, by kvm_intel. */
  INTEL_VMX,
  /** AMD's SVM, by kvm_amd. */
  AMD_SVM,
  /**
   * No support by the hardware, by kvm-pvm: user programs of the guest run natively, its kernel
   * runs in KVM's instruction emulator.
   */
  PVM,
  /** The processor has VMX or SVM, but no module of KVM uses it. */
  UNUSED,
  /** The processor has neither VMX nor SVM, and there is no kvm-pvm. */
  NONE;

  private static final Path MODULES = Path.of("/sys/module");
  private static final Path PROCESSORS = Path.of("/proc/cpuinfo");

  /** Enough for the first processor, whose flags are those of all. */
  private static final int FIRST_PROCESSOR_BYTES = 8192;

  /**
   * Finds out how this host's KVM runs guests, by its modules and the processor's flags.
   *
   * @return how guests run, {@link #NONE} without KVM
   * @throws IOException if the processor's flags cannot be read
   */
  public static HostVirtualization detect() throws IOException {
    return detect(MODULES, PROCESSORS);
  }

  /**
   * {@return whether KVM emulates the code of the guest's kernel} Takes microseconds on other
   * hosts.
   */
  public static boolean emulatesKernels() {
    return emulatesKernels(MODULES, PROCESSORS);
  }

  static boolean emulatesKernels(Path modules, Path processors) {
    if (!module(modules, "kvm_pvm")) {
      return false;
    }
    try {
      return detect(modules, processors) == PVM;
    } catch (IOException e) {
      return true;
    }
  }

  static HostVirtualization detect(Path modules, Path processors) throws IOException {
    String flags = flags(processors);
    boolean vmx = flags.contains(" vmx ");
    boolean svm = flags.contains(" svm ");
    // A module that is built into the kernel is listed even where it found no hardware to use.
    if (vmx && module(modules, "kvm_intel")) {
      return INTEL_VMX;
    }
    if (svm && module(modules, "kvm_amd")) {
      return AMD_SVM;
    }
    if (module(modules, "kvm_pvm")) {
      return PVM;
    }
    return vmx || svm ? UNUSED : NONE;
  }

  /**
   * {@return whether this host is itself a virtual machine: its processor says that a hypervisor is
   * present}
   *
   * @throws IOException if the processor's flags cannot be read
   */
  public static boolean isNested() throws IOException {
    return isNested(PROCESSORS);
  }

  static boolean isNested(Path processors) throws IOException {
    return flags(processors).contains(" hypervisor ");
  }

  private static boolean module(Path modules, String name) {
    return Files.isDirectory(modules.resolve(name));
  }

  /** The flags of the first processor, each between two spaces. */
  private static String flags(Path processors) throws IOException {
    try (InputStream file = Files.newInputStream(processors)) {
      byte[] first = file.readNBytes(FIRST_PROCESSOR_BYTES);
      String text = new String(first, StandardCharsets.ISO_8859_1);
      int start = text.indexOf("\nflags");
      int colon = text.indexOf(':', Math.max(start, 0));
      if (start < 0 || colon < 0) {
        return "";
      }
      int end = text.indexOf('\n', colon);
      return text.substring(colon + 1, end < 0 ? text.length() : end) + " ";
    }
  }
}
