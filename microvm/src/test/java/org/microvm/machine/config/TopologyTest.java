package org.microvm.machine.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateOutput;

/** How vCPUs are grouped, and their local APIC IDs. */
@Timeout(10)
class TopologyTest {
  @Test
  void powersOfTwo_haveApicIdsWithoutGaps() {
    assertEquals(List.of(0, 1, 2, 3, 4, 5, 6, 7), new Topology(2, 2, 2).apicIds());
    assertEquals(List.of(0, 1, 2, 3), Topology.ofCores(4).apicIds());
  }

  @Test
  void otherCounts_leaveGapsSoThatEachLevelHasItsBits() {
    assertEquals(List.of(0, 1, 2, 4, 5, 6), new Topology(2, 3, 1).apicIds());
    assertEquals(List.of(0, 1, 2, 4, 5, 6), new Topology(1, 2, 3).apicIds());
    assertEquals(List.of(0, 1, 2, 3, 4, 5), new Topology(1, 3, 2).apicIds());
    assertEquals(List.of(0, 1, 2), Topology.ofCores(3).apicIds());
  }

  @Test
  void mostCpus_haveIdsBelowThatOfTheIoApic() {
    assertEquals(253, Topology.ofCores(254).apicIds().getLast());
  }

  @ParameterizedTest
  @CsvSource({"0,1,1", "1,0,1", "1,1,0", "-1,1,1", "255,1,1", "2,129,1", "127,2,2", "254,254,254"})
  void impossibleCounts_areRefused(int sockets, int cores, int threads) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> new Topology(sockets, cores, threads))
            .getMessage();

    assertTrue(message.startsWith("sockets=" + sockets + ",cores=" + cores), message);
  }

  @Test
  void written_isReadAgain() throws Exception {
    StateOutput output = new StateOutput();
    new Topology(2, 3, 4).write(output);

    assertEquals(
        new Topology(2, 3, 4), Topology.read(new StateInput("topology", 1, output.toByteArray())));
  }

  @Test
  void damagedCounts_areRefused() {
    byte[] zeros = new byte[6];

    assertThrows(StateException.class, () -> Topology.read(new StateInput("topology", 1, zeros)));
  }

  @ParameterizedTest
  @CsvSource({"2,1,1", "1,2,1", "1,1,2"})
  void topologies_areEqualIfEachCountIs(int sockets, int cores, int threads) {
    Topology topology = new Topology(sockets, cores, threads);

    assertEquals(new Topology(sockets, cores, threads), topology);
    assertEquals(new Topology(sockets, cores, threads).hashCode(), topology.hashCode());
    assertNotEquals(new Topology(1, 1, 1), topology);
  }
}
