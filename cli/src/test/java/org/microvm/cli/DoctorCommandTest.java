package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.kvm.HostVirtualization;
import org.microvm.testing.RequiresKvm;
import picocli.CommandLine;

@RequiresKvm
@Timeout(60)
class DoctorCommandTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  private String doctor(String... args) {
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    assertEquals(0, new CommandLine(new DoctorCommand(out)).execute(args));
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void findings_nameTheKindOfVirtualization() throws Exception {
    JsonNode findings = new ObjectMapper().readTree(doctor("--json"));

    assertTrue(findings.get("usable").asBoolean());
    assertTrue(
        findings.get("virtualization").asText().matches("kvm-pvm, .*|hardware, .* \\(kvm_.*\\)"));
    assertEquals(
        HostVirtualization.isNested(),
        findings.get("nesting").asText().startsWith("this host is itself a virtual machine"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"EXT_CPUID", "PIT_STATE2", "XSAVE2", "VCPU_TSC_OFFSET"})
  void whatOnlySomeKernelsHave_isReported(String name) throws Exception {
    JsonNode capabilities = new ObjectMapper().readTree(doctor("--json")).get("capabilities");

    assertTrue(capabilities.get(name).isBoolean());
  }

  @Test
  void text_saysWhatIsPresentOrWhatItsLackCosts() {
    String text = doctor();

    assertTrue(text.matches("(?s).*  VCPU_TSC_OFFSET +(present|missing: .{20,})\n.*"), text);
  }
}
