package org.microvm.oci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The manifest, read into the classes that are generated from Kubernetes' published API. */
class KubernetesManifestTest {
  private static final Path FILE = Path.of("..", "deploy", "kubernetes", "microvm.yaml");
  private static final BigDecimal MIB = BigDecimal.valueOf(1 << 20);

  private static StatefulSet set;

  @BeforeAll
  static void read() throws IOException {
    set =
        YAMLMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build()
            .readValue(FILE.toFile(), StatefulSet.class);
  }

  @Test
  void fields_areThoseOfTheApi() {
    assertEquals(List.of(), Additional.in(set));
  }

  @Test
  void selector_matchesTheTemplate() {
    assertEquals(
        set.getSpec().getSelector().getMatchLabels(),
        set.getSpec().getTemplate().getMetadata().getLabels());
  }

  @Test
  void memoryLimit_isGuestMemoryAndTheBound() {
    BigDecimal limit = guest().getResources().getLimits().get("memory").getNumericalAmount();

    assertEquals(
        MIB.multiply(BigDecimal.valueOf(128 + ResourceBound.BESIDE_GUEST_MIB)).longValue(),
        limit.longValue());
  }

  @Test
  void gracePeriod_isLongerThanTheStopTakes() {
    List<String> stop = guest().getLifecycle().getPreStop().getExec().getCommand();

    assertTrue(pod().getTerminationGracePeriodSeconds() > Long.parseLong(stop.getLast()));
  }

  @Test
  void container_hasNoPrivilege() {
    assertTrue(guest().getSecurityContext().getReadOnlyRootFilesystem());
    assertEquals(List.of("ALL"), guest().getSecurityContext().getCapabilities().getDrop());
    assertEquals(false, guest().getSecurityContext().getAllowPrivilegeEscalation());
    assertEquals("Localhost", pod().getSecurityContext().getSeccompProfile().getType());
  }

  private static PodSpec pod() {
    return set.getSpec().getTemplate().getSpec();
  }

  private static Container guest() {
    return pod().getContainers().getFirst();
  }
}
