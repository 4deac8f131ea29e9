package org.microvm.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.machine.Snapshot;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;

/** {@code microvm restore}: {@code run} with the words that the snapshot has kept. */
@Command(
    name = "restore",
    description = "Goes on from a snapshot, with the options that the saved machine was run with.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class RestoreCommand implements Callable<Integer> {
  @Parameters(paramLabel = "DIRECTORY", description = "the snapshot")
  private Path directory;

  @Option(
      names = "--sockets",
      paramLabel = "DIRECTORY",
      description = "have all channels' unix sockets there, under the names that they had")
  private Path sockets;

  @Unmatched private List<String> more = new ArrayList<>();

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Snapshot snapshot = Snapshot.open(directory);
    if (snapshot.words().isEmpty()) {
      throw new UsageException(snapshot + " has no options with it: use 'run --restore'");
    }
    List<String> words = new ArrayList<>();
    words.add("run");
    snapshot.words().forEach(word -> words.add(sockets == null ? word : moved(word)));
    words.addAll(List.of("--restore", directory.toString()));
    words.addAll(more);
    return Main.execute(spec.commandLine().getErr(), words.toArray(new String[0]));
  }

  /** The word with the path of a socket changed; any other word as it is. */
  private String moved(String word) {
    if (!word.startsWith("socket,")) {
      return word;
    }
    String[] parts = word.split(",", -1);
    for (int i = 0; i < parts.length; i++) {
      if (parts[i].startsWith("path=")) {
        Path name = Path.of(parts[i].substring("path=".length())).getFileName();
        parts[i] = "path=" + sockets.resolve(name);
      }
    }
    return String.join(",", parts);
  }
}
