package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TopViewTest {
  private static JsonNode statistics(long exits, long bytes, long interrupts) throws Exception {
    return new ObjectMapper()
        .readTree(
            """
            {"takenMicros": %1$d00000, "vcpus": [{"exits": %1$d, "exitsByReason": {"IO": %1$d}, "exitsByPort": {},
              "exitsByMmioAddress": {}, "guestNanos": %1$d000000, "hostNanos": 0}],
             "devices": [{"deviceId": 3, "address": "0xd0000000", "interrupts": %3$d}],
             "ports": [{"nr": 1, "name": "a", "bytesFromGuest": %2$d, "hostStalls": 6}]}
            """
                .formatted(exits, bytes, interrupts));
  }

  private static String view() throws Exception {
    return new TopView(statistics(10, 1 << 20, 5), statistics(30, 5 << 20, 9)).toString();
  }

  @Test
  void exits_areShownASecond() throws Exception {
    assertTrue(view().contains("vCPU 0  exits/s 10.0  in the guest or halted 1.0 %"), view());
    assertTrue(view().matches("(?s).*IO +10.0 /s.*"), view());
  }

  @Test
  void devices_areShownASecond() throws Exception {
    assertTrue(view().matches("(?s).*virtio-serial 0xd0000000 +0.0 +0.0 +2.0 +0.0.*"), view());
  }

  @Test
  void ports_areShownInMebibytesASecond() throws Exception {
    assertTrue(view().matches("(?s).*1 a +2.00 +0.00 +0.0 +0.0.*"), view());
  }
}
