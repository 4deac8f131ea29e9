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

/** {@code microvm doctor}: what /dev/kvm is on this machine, and what is missing. */
@Command(
    name = "doctor",
    description = "Says what /dev/kvm is here and what is missing; status 1 if no guest can run.",
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  /** Without these no machine is made. */
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

  /** What is done without where it is missing. */
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
            : "missing: run 'make images' for those of this project");
    line("verdict", usable ? "guests can run" : "guests cannot run");
    return usable ? 0 : Main.FAILED;
  }

  private boolean kvm() {
    try (Kvm kvm = Kvm.open()) {
      line("/dev/kvm", "opens, interface version " + kvm.apiVersion());
      boolean complete = true;
      for (Capability capability : NEEDED) {
        complete &= capability(kvm, capability, "MISSING, needed");
      }
      for (Capability capability : USEFUL) {
        capability(kvm, capability, "missing, done without");
      }
      line("vCPUs", "at most " + kvm.capability(Capability.MAX_VCPUS) + " a VM");
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
    if (module("kvm_pvm")) {
      return "kvm-pvm: no hardware beneath it. Guest user code runs natively, guest kernel code in"
          + " KVM's instruction emulator: expect seconds to boot, and use a kernel that is patched"
          + " for such hosts (make images)";
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
        ? "the processor can (VMX or SVM), but no KVM module is loaded"
        : "the processor shows neither VMX nor SVM";
  }

  private static boolean module(String name) {
    return Files.isDirectory(Path.of("/sys/module", name));
  }

  private void line(String what, String finding) {
    out.printf("%-26s %s%n", what, finding);
  }
}
