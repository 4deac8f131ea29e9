package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.microvm.machine.config.Topology;

/** The option {@code --cpus}. */
@Timeout(10)
class CpuOptionsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1|1|1|1",
        "4|1|4|1",
        "cpus=4|1|4|1",
        "cpus=4,threads=2|1|2|2",
        "4,threads=2|1|2|2",
        "8,sockets=2|2|4|1",
        "cpus=8,cores=2|4|2|1",
        "cpus=8,cores=2,threads=2|2|2|2",
        "sockets=2,cores=3,threads=2|2|3|2",
        "sockets=2|2|1|1",
        "threads=2|1|1|2",
        "threads=2,cpus=6,sockets=1,cores=3|1|3|2"
      })
  void text_isTheTopology(String text, int sockets, int cores, int threads) {
    assertEquals(new Topology(sockets, cores, threads), CpuOptions.parse(text));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "0|0 vCPUs requested; 1 to 254 are possible",
        "255|255 vCPUs requested; 1 to 254 are possible",
        "-3|-3 vCPUs requested",
        "99999999999|'99999999999' is not a number of vCPUs",
        "|'' is not a number of vCPUs",
        "cpus=|'' is not a number of vCPUs",
        "4,|'' is not N, cpus=N,",
        "4,2|'2' is not N, cpus=N,",
        "4,dies=1|'dies=1' is not N, cpus=N,",
        "4,cpus=4|'cpus' is given twice",
        "5,threads=2|sockets=1,cores=2,threads=2 are 4 vCPUs, not 5",
        "1,threads=2|sockets=1,cores=1,threads=2 are 2 vCPUs, not 1",
        "4,sockets=2,cores=1|sockets=2,cores=1,threads=1 are 2 vCPUs, not 4",
        "4,threads=0|each count must be 1 to 254",
        "sockets=-1|each count must be 1 to 254",
        "cores=2000000000,threads=2000000000|each count must be 1 to 254",
        "sockets=2,cores=129|local APIC ID 384, the highest possible is 253"
      })
  void text_thatFitsNoTopology_isRefusedInOneLine(String text, String expected) {
    String message =
        assertThrows(UsageException.class, () -> CpuOptions.parse(text == null ? "" : text))
            .getMessage();

    assertTrue(message.startsWith("--cpus "), message);
    assertTrue(message.contains(expected), message);
    assertEquals(1, message.lines().count(), message);
  }
}
