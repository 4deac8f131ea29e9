package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** docs/qmp.md has a heading for each command and each event, and no others. */
@Timeout(60)
class QmpReferenceTest {
  private static final Path HOME = Path.of(System.getProperty("microvm.home"));
  private static final Pattern EMIT = Pattern.compile("emit\\(\"(\\w+)\"");
  private static final Pattern HEADING = Pattern.compile("(?m)^### (.+)$");

  @TempDir private Path directory;

  /** Returns the headings of a chapter. */
  private static Set<String> headings(String chapter) throws IOException {
    String page = Files.readString(HOME.resolve("docs/qmp.md"));
    String text = page.split("(?m)^## " + chapter + "$", 2)[1].split("(?m)^## ", 2)[0];
    Set<String> names = new TreeSet<>();
    matches(HEADING, text).forEach(heading -> names.addAll(List.of(heading.split(", "))));
    return names;
  }

  private static Set<String> matches(Pattern pattern, String text) {
    return pattern
        .matcher(text)
        .results()
        .map(match -> match.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void commands_areThoseOfTheServer() throws IOException {
    Set<String> commands = new TreeSet<>();
    try (FakeTarget target = new FakeTarget();
        QmpServer _ =
            QmpServer.listen(directory.resolve("qmp"), target, new ChannelRegistry(), "1.2.3");
        QmpClient client = QmpClient.connect(directory.resolve("qmp"), Duration.ofSeconds(10))) {
      for (JsonNode command : client.execute("query-commands")) {
        commands.add(command.path("name").asText());
      }
    }

    assertEquals(commands, headings("Commands"));
  }

  @Test
  void events_areThoseThatTheSourcesSend() throws IOException {
    StringBuilder sources = new StringBuilder();
    try (Stream<Path> files = Files.walk(HOME.resolve("qmp/src/main/java"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        sources.append(Files.readString(file));
      }
    }

    assertEquals(matches(EMIT, sources.toString()), headings("Events"));
  }
}
