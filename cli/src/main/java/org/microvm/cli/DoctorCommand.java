package org.microvm.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.microvm.kvm.Capability;
import org.microvm.kvm.HostVirtualization;
import org.microvm.kvm.Kvm;
import org.microvm.kvm.Vcpu;
import org.microvm.kvm.Vm;
import org.microvm.linux.ErrnoException;
import org.microvm.machine.config.GuestImages;
import org.microvm.qmp.JsonText;
import org.microvm.sandbox.Sandbox;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

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
    Capability.EXT_CPUID,
    Capability.PIT2,
    Capability.IRQFD,
    Capability.IOEVENTFD,
    Capability.IMMEDIATE_EXIT,
    Capability.VCPU_EVENTS,
    Capability.SET_TSS_ADDR,
    Capability.SET_IDENTITY_MAP_ADDR
  };

  /** The capabilities that a machine uses where they are present, and what is lost without each. */
  private static final Map<Capability, String> USEFUL = new LinkedHashMap<>();

  static {
    USEFUL.put(Capability.READONLY_MEM, "each access to a virtio register is an exit");
    USEFUL.put(Capability.TSC_DEADLINE_TIMER, "guests program their timers at a higher cost");
    USEFUL.put(Capability.BINARY_STATS_FD, "statistics lack KVM's own counters");
    USEFUL.put(Capability.KVMCLOCK_CTRL, "a guest may report a lockup after a pause");
    USEFUL.put(Capability.PIT_STATE2, "no snapshots and no migration");
    USEFUL.put(Capability.XSAVE, "no snapshots and no migration");
    USEFUL.put(Capability.XCRS, "no snapshots and no migration");
    USEFUL.put(Capability.DEBUGREGS, "no snapshots and no migration");
    USEFUL.put(Capability.MP_STATE, "no snapshots and no migration");
    USEFUL.put(Capability.ADJUST_CLOCK, "no snapshots and no migration");
    USEFUL.put(Capability.GET_TSC_KHZ, "no snapshots and no migration");
    USEFUL.put(
        Capability.TSC_CONTROL,
        "no restore of a guest from a host whose time stamp counter has another frequency");
    USEFUL.put(
        Capability.XSAVE2, "no snapshots of guests whose extended state exceeds 4 KiB (AMX)");
  }

  private static final String SHADOWED =
      "off: KVM shadows the guest's page tables, and each change of them is an exit";

  private final PrintStream out;
  private final ObjectNode findings = JsonNodeFactory.instance.objectNode();

  @Option(names = "--json", description = "print the findings as JSON")
  private boolean json;

  DoctorCommand() {
    this(System.out);
  }

  DoctorCommand(PrintStream out) {
    this.out = out;
  }

  @Override
  public Integer call() throws IOException {
    line("java", Runtime.version() + ", " + System.getProperty("java.home"));
    line("kernel", System.getProperty("os.version"));
    HostVirtualization virtualization = HostVirtualization.detect();
    line("virtualization", virtualization(virtualization));
    parameters(virtualization);
    line("nesting", nesting());
    line("sandbox", sandbox());
    boolean usable = kvm();
    GuestImages images = GuestImages.installed();
    line(
        "guest images",
        images.present()
            ? "in " + images.directory().toRealPath()
            : FileProblem.unreadable(images)
                .map(why -> "cannot be read: " + why)
                .orElse("missing: run 'make images' to build them"));
    line("verdict", usable ? "guests can run" : "guests cannot run");
    if (json) {
      out.println(JsonText.pretty(findings.put("usable", usable)));
    }
    return usable ? 0 : Main.FAILED;
  }

  private static String sandbox() {
    int version = Sandbox.landlockVersion();
    String files =
        version > 0
            ? "Landlock " + version
            : "no Landlock: files are not restricted, and --sandbox strict is refused";
    return Sandbox.hasSeccomp()
        ? "seccomp, " + files
        : "no seccomp: machines run without a sandbox, and --sandbox on and strict are refused";
  }

  private boolean kvm() {
    try (Kvm kvm = Kvm.open()) {
      line("/dev/kvm", "can be opened, API version " + kvm.apiVersion());
      boolean complete = true;
      for (Capability capability : NEEDED) {
        complete &= capability(kvm, capability, "MISSING, required");
      }
      for (Map.Entry<Capability, String> useful : USEFUL.entrySet()) {
        capability(kvm, useful.getKey(), "missing: " + useful.getValue());
      }
      machine(kvm);
      line("vCPUs", "at most " + kvm.capability(Capability.MAX_VCPUS) + " per VM");
      return complete;
    } catch (ErrnoException e) {
      line("/dev/kvm", e.getMessage());
      return false;
    }
  }

  private void machine(Kvm kvm) throws ErrnoException {
    try (Vm vm = kvm.createVm()) {
      vm.createIrqchip();
      try (Vcpu vcpu = vm.createVcpu(0)) {
        // An attribute of a vCPU, for which there is no capability.
        present(
            "VCPU_TSC_OFFSET",
            vcpu.clock().tscOffset().isPresent(),
            "missing: on a busy host the vCPUs' time stamp counters may differ after a restore");
      }
    }
    line("a VM", "can be created");
  }

  private boolean capability(Kvm kvm, Capability capability, String missing) throws ErrnoException {
    return present(capability.toString(), kvm.capability(capability) > 0, missing);
  }

  private boolean present(String name, boolean present, String missing) {
    findings.withObject("/capabilities").put(name, present);
    print("  " + name, present ? "present" : missing);
    return present;
  }

  /**
   * The features that a parameter of KVM's module can turn off, although the processor may have
   * them.
   */
  private void parameters(HostVirtualization virtualization) {
    switch (virtualization) {
      case INTEL_VMX -> {
        parameter(virtualization, "ept", SHADOWED);
        parameter(
            virtualization,
            "unrestricted_guest",
            "off: KVM emulates code in real mode, in which all vCPUs but the first start");
      }
      case AMD_SVM -> parameter(virtualization, "npt", SHADOWED);
      case PVM, UNUSED, NONE -> {}
    }
  }

  private void parameter(HostVirtualization virtualization, String name, String off) {
    virtualization.parameter(name).ifPresent(on -> line("  " + name, on ? "on" : off));
  }

  private static String virtualization(HostVirtualization virtualization) {
    return switch (virtualization) {
      case INTEL_VMX -> "hardware, Intel VMX (kvm_intel)";
      case AMD_SVM -> "hardware, AMD SVM (kvm_amd)";
      case PVM ->
          "kvm-pvm, without hardware support. Guest user code runs natively, guest kernel code in"
              + " KVM's instruction emulator: a boot takes seconds with a kernel that is patched for"
              + " such hosts (make images), minutes with others (docs/kernels.md). With several"
              + " vCPUs Linux needs such a kernel, built with SMP, and boots slower than with one";
      case UNUSED -> "the processor supports it (VMX or SVM), but no KVM module is loaded";
      case NONE -> "the processor reports neither VMX nor SVM";
    };
  }

  private static String nesting() throws IOException {
    return HostVirtualization.isNested()
        ? "this host is itself a virtual machine: exits cost more, and its hypervisor"
            + " decides whether there is VMX or SVM"
        : "this host is not a virtual machine, or its hypervisor does not report that it is one";
  }

  private void line(String what, String finding) {
    findings.put(what.strip(), finding);
    print(what, finding);
  }

  private void print(String what, String finding) {
    if (!json) {
      out.printf("%-26s %s%n", what, finding);
    }
  }
}
