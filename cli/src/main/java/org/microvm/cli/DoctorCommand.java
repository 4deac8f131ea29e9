package org.microvm.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.microvm.kvm.Capability;
import org.microvm.kvm.Kvm;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.GuestImages;
import picocli.CommandLine.Command;

/** {@code microvm doctor}: reports what /dev/kvm supports on this host and what is missing. */
@Command(
    name = "doctor",
    description =
        "Reports what /dev/kvm supports here and what is missing; status 1 if no guest can run.",
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  /** A machine cannot be created without these. */
  private static final Capability[] NEEDED = {
    Capability.IRQCHIP,
    Capability.USER_MEMORY,
    Capability.PIT2,
    Capability.IRQFD,
    Capability.IOEVENTFD,
    Capability.IMMEDIATE_EXIT,
    Capability.VCPU_EVENTS,
    Capability.SET_TSS_ADDR,
    Capability.SET_IDENTITY_MAP_ADDR
  };

  /** A machine uses these where they are present. */
  private static final Capability[] USEFUL = {
    Capability.READONLY_MEM,
    Capability.TSC_DEADLINE_TIMER,
    Capability.BINARY_STATS_FD,
    Capability.XSAVE,
    Capability.XCRS,
    Capability.ADJUST_CLOCK
  };

  private final PrintStream out = System.out;

  @Override
  public Integer call() throws IOException {
    line("java", Runtime.version() + ", " + System.getProperty("java.home"));
    line("kernel", System.getProperty("os.version"));
    line("virtualization", virtualization());
    boolean usable = kvm();
    GuestImages images = GuestImages.installed();
    line(
        "guest images",
        images.present()
            ? "in " + images.directory().toRealPath()
            : "missing: run 'make images' to build them");
    line("verdict", usable ? "guests can run" : "guests cannot run");
    return usable ? 0 : Main.FAILED;
  }

  private boolean kvm() {
    try (Kvm kvm = Kvm.open()) {
      line("/dev/kvm", "can be opened, API version " + kvm.apiVersion());
      boolean complete = true;
      for (Capability capability : NEEDED) {
        complete &= capability(kvm, capability, "MISSING, required");
      }
      for (Capability capability : USEFUL) {
        capability(kvm, capability, "missing, optional");
      }
      line("vCPUs", "at most " + kvm.capability(Capability.MAX_VCPUS) + " per VM");
      kvm.createVm().close();
      line("a VM", "can be created");
      return complete;
    } catch (ErrnoException e) {
      line("/dev/kvm", e.getMessage());
      return false;
    }
  }

  private boolean capability(Kvm kvm, Capability capability, String missing) throws ErrnoException {
    boolean present = kvm.capability(capability) > 0;
    line("  " + capability, present ? "present" : missing);
    return present;
  }

  private static String virtualization() throws IOException {
    if (emulatesKernels()) {
      return "kvm-pvm, without hardware support. Guest user code runs natively, guest kernel code in"
          + " KVM's instruction emulator: a boot takes seconds and needs a kernel that is patched"
          + " for such hosts (make images). Linux starts several vCPUs, but has not been seen to finish its"
          + " boot with them";
    }
    if (module("kvm_intel")) {
      return "hardware, Intel VMX (kvm_intel)";
    }
    if (module("kvm_amd")) {
      return "hardware, AMD SVM (kvm_amd)";
    }
    String flags = Files.readString(Path.of("/proc/cpuinfo"));
    boolean hardware = flags.contains(" vmx") || flags.contains(" svm");
    return hardware
        ? "the processor supports it (VMX or SVM), but no KVM module is loaded"
        : "the processor reports neither VMX nor SVM";
  }

  /** Whether KVM emulates the kernels of guests. */
  static boolean emulatesKernels() {
    return module("kvm_pvm");
  }

  private static boolean module(String name) {
    return Files.isDirectory(Path.of("/sys/module", name));
  }

  private void line(String what, String finding) {
    out.printf("%-26s %s%n", what, finding);
  }
}
