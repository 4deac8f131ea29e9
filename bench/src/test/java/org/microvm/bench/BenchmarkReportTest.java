package org.microvm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class BenchmarkReportTest {
  private final Samples samples = new Samples();
  @TempDir private Path directory;

  private void measured(String subject, double... values) {
    for (double value : values) {
      samples.add("stream", subject, "MB/s", value);
    }
  }

  @Test
  void median_ofAnOddNumber_isTheMiddle() {
    assertEquals(3.0, Median.of(List.of(9.0, 1.0, 3.0)));
  }

  @Test
  void median_ofNothing_isRefused() {
    assertThrows(IllegalArgumentException.class, () -> Median.of(List.of()));
  }

  @Test
  void table_ratioIsTheMedianOfTheRoundsRatios() {
    measured("ours", 10, 300, 50);
    measured("theirs", 5, 100, 100);

    List<String> row = new ChannelReport(samples).table().rows().get(1);

    assertEquals(List.of("stream", "MB/s", "50.0", "100", "2.00"), row);
  }

  @Test
  void table_whatWasNotMeasured_isADash() {
    measured("ours", 10);
    samples.add("echo", "theirs", "p50 us", 7);

    List<List<String>> rows = new ChannelReport(samples).table().rows();

    assertEquals(List.of("stream", "MB/s", "10.0", "-", "-"), rows.get(1));
    assertEquals(List.of("echo", "p50 us", "-", "7.000", "-"), rows.get(2));
  }

  @Test
  void json_hasMedianAndAllValues() {
    measured("ours", 1, 2, 4);

    var metric = SamplesJson.of(samples).at("/stream/ours/MB~1s");

    assertEquals(2.0, metric.path("median").asDouble());
    assertEquals(3, metric.path("values").size());
  }

  @Test
  void chart_escapesAndShowsValues() {
    String svg = new BarChart("a < b", true).bar("g", "n", 0).bar("g", "m", 1000).toSvg();

    assertTrue(svg.contains("a &lt; b"), svg);
    assertTrue(svg.contains("m  1000"), svg);
    assertTrue(svg.contains("width='0.0'"), svg);
  }

  @Test
  void fleet_hasAColumnForEachFleet_andItsCharts() throws Exception {
    samples.add("ping", "1 machine", "ms", 14);
    samples.add("ping", "50 machines", "ms", 22);
    samples.add("threads each", "50 machines", "", 2);

    new FleetReport(samples).write(directory);
    String page = Files.readString(new BenchmarkFiles(directory).page());

    TextTable table = new FleetReport(samples).table();
    assertEquals(List.of("ping, ms", "14.00", "22.00"), table.rows().get(1));
    assertEquals(List.of("threads each", "-", "2.00"), table.rows().get(2));
    assertTrue(page.contains("50 machines  22.0"), page);
  }

  @Test
  void page_showsTablesAndTheirCharts() throws Exception {
    BenchmarkFiles files = new BenchmarkFiles(directory);
    files.table("exits", "three rounds", new TextTable().row("metric", "value"));
    files.chart("exits-rate", new BarChart("rates", false).bar("g", "n", 1));

    String page = Files.readString(files.page());

    assertTrue(page.contains("<h2>exits</h2>"), page);
    assertTrue(page.contains("rates"), page);
    assertTrue(page.contains("three rounds"), page);
  }

  @Test
  void processTimes_threadNameWithBlanksAndParentheses() {
    String stat = "7 (CPU 0/KVM (x)) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";

    assertEquals("CPU 0/KVM (x)", ProcessTimes.name(stat));
    assertEquals(2.0, ProcessTimes.seconds(stat));
    assertTrue(ProcessTimes.isVcpu("CPU 0/KVM"));
    assertTrue(ProcessTimes.isVcpu("vcpu-0"));
  }

  @Test
  void stream_unfairness_isMostToLeast() {
    StreamResult result = new StreamResult(new long[] {100, 80, 90}, 1, new ProcessTimes(0, 0));

    assertEquals(1.25, result.unfairness());
    assertEquals(270, result.total());
  }
}
