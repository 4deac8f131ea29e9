package org.microvm.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The files that benchmarks write to a directory: for each benchmark a table (NAME.txt), figures
 * (NAME.json) and charts (NAME-….svg), and a page, index.html, that shows all of them.
 */
public final class BenchmarkFiles {
  private final Path directory;

  /**
   * @param directory created if it does not exist
   */
  public BenchmarkFiles(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
  }

  void table(String name, String heading, TextTable table) throws IOException {
    Files.writeString(directory.resolve(name + ".txt"), heading + "\n\n" + table);
  }

  void figures(String name, Samples samples) throws IOException {
    String json =
        new ObjectMapper()
            .writerWithDefaultPrettyPrinter()
            .writeValueAsString(SamplesJson.of(samples));
    Files.writeString(directory.resolve(name + ".json"), json + "\n");
  }

  void chart(String name, BarChart chart) throws IOException {
    Files.writeString(directory.resolve(name + ".svg"), chart.toSvg());
  }

  /** Writes the page and returns its path. */
  public Path page() throws IOException {
    StringBuilder page =
        new StringBuilder(
            "<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>microvm benchmarks</title>\n"
                + "<style>body{font-family:sans-serif;max-width:75em;margin:2em auto}"
                + "pre{background:#f7fafc;padding:1em;overflow:auto}</style>\n"
                + "<h1>microvm benchmarks</h1>\n");
    for (Path table : files(".txt")) {
      String name = table.getFileName().toString().replace(".txt", "");
      page.append("<h2>").append(BarChart.escape(name)).append("</h2>\n");
      for (Path chart : files(".svg")) {
        if (chart.getFileName().toString().startsWith(name)) {
          page.append(Files.readString(chart)).append("<br>\n");
        }
      }
      page.append("<pre>").append(BarChart.escape(Files.readString(table))).append("</pre>\n");
    }
    Path file = directory.resolve("index.html");
    Files.writeString(file, page.append("</html>\n"));
    return file;
  }

  private List<Path> files(String ending) {
    try (Stream<Path> all = Files.list(directory)) {
      return all.filter(file -> file.toString().endsWith(ending)).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
