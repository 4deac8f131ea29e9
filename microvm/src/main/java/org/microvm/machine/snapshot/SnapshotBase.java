package org.microvm.machine.snapshot;

import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.microvm.devices.state.SectionPolicy;
import org.microvm.devices.state.StateException;
import org.microvm.devices.state.StateInput;
import org.microvm.devices.state.StateReader;
import org.microvm.devices.state.StateWriter;
import org.microvm.machine.memory.MemoryRuns;

/**
 * The base of a diff snapshot, and the pages that the diff has itself.
 *
 * @param id the id of the base
 * @param checksum the checksum of the base's state, which changes if the base is written again
 * @param path the path of the base, relative to the directory of the diff
 * @param runs the pages that the diff has
 */
public record SnapshotBase(UUID id, int checksum, String path, List<Run> runs) {
  private static final String SECTION = "base";
  private static final int VERSION = 1;
  private static final int MAX_PATH_BYTES = 4096;

  /**
   * A run of pages.
   *
   * @param offset in the memory file, a multiple of the page size
   * @param length in bytes, a multiple of the page size
   */
  public record Run(long offset, long length) {}

  /**
   * Writes the section.
   *
   * @param writer receives the section
   */
  public void write(StateWriter writer) {
    var output =
        writer
            .section(SECTION, VERSION, SectionPolicy.REQUIRED)
            .putLong(id.getMostSignificantBits())
            .putLong(id.getLeastSignificantBits())
            .putInt(checksum)
            .putString(path)
            .putInt(runs.size());
    runs.forEach(run -> output.putLong(run.offset()).putLong(run.length()));
  }

  /**
   * Reads the section, if there is one.
   *
   * @param memory bytes of RAM
   * @return null if the snapshot is a full one
   */
  static SnapshotBase read(StateReader reader, long memory) throws StateException {
    StateInput input = reader.takeIfPresent(SECTION, VERSION).orElse(null);
    if (input == null) {
      return null;
    }
    UUID id = new UUID(input.getLong(), input.getLong());
    int checksum = input.getInt();
    String path = input.getString(MAX_PATH_BYTES);
    int most = (int) Math.min(Integer.MAX_VALUE, memory / MemoryRuns.PAGE);
    PageRuns runs = new PageRuns();
    long end = 0;
    for (int left = input.getInt(0, most); left > 0; left--) {
      Run run = new Run(input.getLong(), input.getLong());
      boolean pages = (run.offset() | run.length()) % MemoryRuns.PAGE == 0;
      if (!pages || run.offset() < 0 || run.length() <= 0 || run.length() > memory - run.offset()) {
        throw input.damaged("a run of pages is unaligned or outside of memory");
      }
      if (run.offset() < end) {
        throw input.damaged("the runs of pages overlap or are not in order");
      }
      end = run.offset() + run.length();
      runs.append(run.offset(), run.length());
    }
    input.end();
    return new SnapshotBase(id, checksum, path, runs);
  }

  /**
   * Computes the relative path from one snapshot's directory to another's.
   *
   * @param from the directory of the diff
   * @param to the directory of its base
   * @return the path, as {@link #path} has it
   */
  public static String way(Path from, Path to) {
    return from.toAbsolutePath().normalize().relativize(to.toAbsolutePath().normalize()).toString();
  }
}
