package org.microvm.kvm;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** How this host's KVM runs guests. */
public enum HostVirtualization {
  /** Intel's VMX, by kvm_intel. */
  INTEL_VMX("kvm_intel"),
  /** AMD's SVM, by kvm_amd. */
  AMD_SVM("kvm_amd"),
  /**
   * No support by the hardware, by kvm-pvm: user programs of the guest run natively, its kernel
   * runs in KVM's instruction emulator.
   */
  PVM("kvm_pvm"),
  /** The processor has VMX or SVM, but no module of KVM uses it. */
  UNUSED("kvm"),
  /** The processor has neither VMX nor SVM, and there is no kvm-pvm. */
  NONE("kvm");

  private static final Path MODULES = Path.of("/sys/module");
  private static final Path PROCESSORS = Path.of("/proc/cpuinfo");

  /** Enough for the first processor, whose flags are those of all. */
  private static final int FIRST_PROCESSOR_BYTES = 8192;

  private final String module;

  HostVirtualization(String module) {
    this.module = module;
  }

  /**
   * Reads a parameter of the module that runs guests in this way, for example {@code npt} of
   * kvm_amd, or {@code ept} and {@code unrestricted_guest} of kvm_intel.
   *
   * @param name the parameter's name
   * @return whether it is on; empty if the module has no such parameter or it cannot be read
   */
  public Optional<Boolean> parameter(String name) {
    return parameter(MODULES, name);
  }

  Optional<Boolean> parameter(Path modules, String name) {
    try {
      String value =
          Files.readString(modules.resolve(module).resolve("parameters").resolve(name)).strip();
      // Modules show a boolean as Y or N, and an integer as its digits.
      return Optional.of(!value.equals("N") && !value.equals("0"));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

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
    if (!PVM.isPresent(modules)) {
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
    if (vmx && INTEL_VMX.isPresent(modules)) {
      return INTEL_VMX;
    }
    if (svm && AMD_SVM.isPresent(modules)) {
      return AMD_SVM;
    }
    if (PVM.isPresent(modules)) {
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

  private boolean isPresent(Path modules) {
    return Files.isDirectory(modules.resolve(module));
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
