package org.microvm.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostVirtualizationTest {
  @TempDir private Path directory;

  private Path processors(String flags) throws IOException {
    return Files.writeString(
        directory.resolve("cpuinfo"),
        "processor\t: 0\nvendor_id\t: Any\nflags\t\t: fpu %s lm\nbugs\t\t: svm\n".formatted(flags));
  }

  private Path modules(String names) throws IOException {
    for (String name : names.split(" ")) {
      Files.createDirectories(directory.resolve("module").resolve(name));
    }
    return directory.resolve("module");
  }

  @ParameterizedTest
  @CsvSource({
    "kvm kvm_intel, vmx, INTEL_VMX",
    "kvm kvm_amd, svm, AMD_SVM",
    "kvm kvm_pvm, hypervisor, PVM",
    "kvm kvm_pvm kvm_intel kvm_amd, hypervisor, PVM",
    "kvm kvm_pvm kvm_intel, vmx, INTEL_VMX",
    "kvm kvm_pvm, vmx, PVM",
    "kvm kvm_intel kvm_amd, svm, AMD_SVM",
    "kvm, vmx, UNUSED",
    "kvm, nosvm, NONE",
    "virtio, sse, NONE"
  })
  void detect_modulesAndFlags_nameTheKind(String modules, String flags, HostVirtualization kind)
      throws IOException {
    assertEquals(kind, HostVirtualization.detect(modules(modules), processors(flags)));
  }

  @Test
  void emulatesKernels_onlyWithPvm() throws IOException {
    assertTrue(HostVirtualization.emulatesKernels(modules("kvm_pvm"), processors("sse")));
    assertFalse(
        HostVirtualization.emulatesKernels(modules("kvm_pvm kvm_intel"), processors("vmx")));
  }

  @Test
  void emulatesKernels_withoutItsModule_readsNothingElse() throws IOException {
    Path missing = directory.resolve("missing");

    assertFalse(HostVirtualization.emulatesKernels(modules("kvm_amd"), missing));
  }

  @ParameterizedTest
  @CsvSource({"Y,true", "N,false", "1,true", "0,false"})
  void parameter_ofTheModule_isReadAsABoolean(String value, boolean on) throws IOException {
    Path parameters = Files.createDirectories(modules("kvm_amd").resolve("kvm_amd/parameters"));
    Files.writeString(parameters.resolve("npt"), value + "\n");

    assertEquals(
        Optional.of(on), HostVirtualization.AMD_SVM.parameter(parameters.resolve("../.."), "npt"));
  }

  @Test
  void parameter_thatTheModuleLacks_isEmpty() throws IOException {
    assertEquals(Optional.empty(), HostVirtualization.PVM.parameter(modules("kvm_pvm"), "npt"));
  }

  @Test
  void isNested_byTheHypervisorFlag() throws IOException {
    assertTrue(HostVirtualization.isNested(processors("vmx hypervisor")));
    assertFalse(HostVirtualization.isNested(processors("vmx")));
  }
}
