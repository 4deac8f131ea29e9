package org.microvm.machine.snapshot;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.microvm.devices.state.Need;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.memory.MemoryRuns;

/**
 * What a diff snapshot says of the snapshot before it, and which pages it has itself.
 *
 * @param id the other's
 * @param checksum that of the other's state, which is another one if it was written anew
 * @param path where the other is, from the directory of this one
 * @param runs the pages that this one has
 */
public record SnapshotBase(UUID id, int checksum, String path, List<Run> runs) {
  private static final String SECTION = "base";
  private static final int VERSION = 1;
  private static final int MOST_PATH_BYTES = 4096;

  /**
   * Pages.
   *
   * @param offset in the memory file, a multiple of the page size
   * @param length in bytes, as well
   */
  public record Run(long offset, long length) {}

  /** Writes the section. */
  public void write(StateWriter writer) {
    var output =
        writer
            .section(SECTION, VERSION, Need.REQUIRED)
            .putLong(id.getMostSignificantBits())
            .putLong(id.getLeastSignificantBits())
            .putInt(checksum)
            .putString(path)
            .putInt(runs.size());
    runs.forEach(run -> output.putLong(run.offset()).putLong(run.length()));
  }

  /**
   * Takes the section, if there is one.
   *
   * @param memory bytes of RAM
   * @return null if the snapshot has all pages itself
   */
  static SnapshotBase read(StateReader reader, long memory) throws StateException {
    StateInput input = reader.takeIfPresent(SECTION, VERSION).orElse(null);
    if (input == null) {
      return null;
    }
    UUID id = new UUID(input.getLong(), input.getLong());
    int checksum = input.getInt();
    String path = input.getString(MOST_PATH_BYTES);
    int most = (int) Math.min(Integer.MAX_VALUE, memory / MemoryRuns.PAGE);
    List<Run> runs = new ArrayList<>();
    for (int left = input.getInt(0, most); left > 0; left--) {
      Run run = new Run(input.getLong(), input.getLong());
      boolean pages = (run.offset() | run.length()) % MemoryRuns.PAGE == 0;
      if (!pages || run.offset() < 0 || run.length() <= 0 || run.length() > memory - run.offset()) {
        throw input.damaged("it has pages where no memory is");
      }
      runs.add(run);
    }
    input.end();
    return new SnapshotBase(id, checksum, path, List.copyOf(runs));
  }

  /** The way from one snapshot's directory to another's. */
  public static String way(Path from, Path to) {
    return from.toAbsolutePath().normalize().relativize(to.toAbsolutePath().normalize()).toString();
  }
}
