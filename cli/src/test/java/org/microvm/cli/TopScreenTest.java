package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.linux.Terminal;

@Timeout(60)
class TopScreenTest {
  private static final Terminal.Size WIDE = new Terminal.Size(120, 40);

  /** The statistics of a machine that has run for some tenths of a second. */
  private static JsonNode after(int tenths, long exits, long bytesA, long bytesB) throws Exception {
    return new ObjectMapper()
        .readTree(
            """
            {"takenMicros": %d00000, "vcpus": [{"exits": %d, "exitsByReason": {"HLT": %d}, "guestNanos": 0}],
             "devices": [{"deviceId": 3, "address": "0xd0000000", "interrupts": 4}],
             "ports": [{"nr": 1, "name": "a", "bytesFromGuest": %d, "hostStalls": 3},
                       {"nr": 2, "name": "b\\u001b", "bytesFromGuest": %d}]}
            """
                .formatted(tenths, exits, exits, bytesA, bytesB));
  }

  private static TopScreen screen() throws Exception {
    TopScreen screen = new TopScreen(true);
    screen.add(new TopRates(after(10, 0, 0, 0), after(20, 100, 1000, 2_500_000)));
    screen.add(new TopRates(after(20, 100, 1000, 2_500_000), after(30, 300, 2000, 7_500_000)));
    return screen;
  }

  private static String line(List<String> lines, String begin) {
    return lines.stream().filter(line -> line.startsWith(begin)).findFirst().orElseThrow();
  }

  @Test
  void rows_haveRatesAndTheirHistory() throws Exception {
    List<String> lines = screen().draw(WIDE, "title");

    assertEquals("title", lines.getFirst());
    assertTrue(line(lines, "0 ").contains("200.0"), lines.toString());
    assertTrue(line(lines, "0 ").contains("\u2584\u2588"), lines.toString());
    assertTrue(line(lines, "HLT ").contains("200.0"), lines.toString());
    assertTrue(line(lines, "1 a ").contains("1.0K"), lines.toString());
    assertTrue(line(lines, "2 b? ").contains("5.0M"), lines.toString());
  }

  @Test
  void sort_putsTheBusiestOfAGroupFirst() throws Exception {
    TopScreen screen = screen();
    screen.toggleSort();
    List<String> lines = screen.draw(WIDE, "title");

    assertTrue(
        lines.indexOf(line(lines, "2 b? ")) < lines.indexOf(line(lines, "1 a ")), lines.toString());
    assertTrue(
        lines.indexOf(line(lines, "vCPU")) < lines.indexOf(line(lines, "port")), lines.toString());
  }

  @Test
  void screen_fitsAnySize() throws Exception {
    TopScreen screen = screen();
    for (int columns = 1; columns < 130; columns++) {
      for (int rows = 1; rows < 30; rows++) {
        List<String> lines = screen.draw(new Terminal.Size(columns, rows), "title");
        int width = columns;
        assertTrue(lines.size() <= Math.max(1, rows - 1));
        assertTrue(lines.stream().allMatch(line -> line.length() <= width), lines.toString());
      }
    }
    assertTrue(screen.draw(new Terminal.Size(0, 0), "title").size() > 5, "an unknown size");
  }

  @Test
  void bars_areAsciiOnOtherScreens() {
    TopHistory history = new TopHistory(3);
    for (double rate : new double[] {9, 0, 0.01, 8}) {
      history.add(rate);
    }

    assertEquals("  .#", history.draw(4, false));
    assertEquals(" \u2581\u2588", history.draw(3, true));
    assertEquals("\u2588", history.draw(1, true));
  }

  @Test
  void rates_haveUnits() {
    assertEquals("0.0", TopScreen.number(0));
    assertEquals("999.0", TopScreen.number(999));
    assertEquals("1.5K", TopScreen.number(1500));
    assertEquals("2.0G", TopScreen.number(2e9));
  }

  @Test
  void json_hasAllRates() throws Exception {
    JsonNode json = new TopRates(after(10, 0, 0, 0), after(20, 100, 1000, 2_500_000)).toJson();

    assertEquals(1.0, json.path("seconds").asDouble());
    assertEquals("port", json.at("/rates/3/group").asText());
    assertEquals(1000.0, json.at("/rates/3/out B~1s").asDouble());
  }

  @Test
  void clockOfAnotherProcess_doesNotDivideByZero() throws Exception {
    JsonNode json = new TopRates(after(10, 0, 0, 0), after(10, 1, 0, 0)).toJson();

    assertTrue(Double.isFinite(json.at("/rates/0/exits~1s").asDouble()));
  }
}
