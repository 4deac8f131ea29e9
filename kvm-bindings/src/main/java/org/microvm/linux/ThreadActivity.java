package org.microvm.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads from /proc whether a thread of this process sleeps, and the number of its context switches
 * (proc_pid_status(5)). If two readings of a sleeping thread give the same number, it has slept
 * from one to the other. The thread itself is not interrupted.
 */
public final class ThreadActivity {
  private static final String STATE = "State:\t";
  private static final String VOLUNTARY = "voluntary_ctxt_switches:\t";
  private static final String INVOLUNTARY = "nonvoluntary_ctxt_switches:\t";

  /** The result for a thread that does not sleep, or that cannot be read. */
  public static final long AWAKE = -1;

  private ThreadActivity() {}

  /**
   * Returns the number of context switches of a sleeping thread.
   *
   * @param tid the kernel's number of the thread
   * @return {@link #AWAKE} if it does not sleep, or has ended
   */
  public static long switchesIfAsleep(int tid) {
    try {
      return parse(Files.readString(Path.of("/proc/self/task/" + tid + "/status")));
    } catch (IOException e) {
      return AWAKE;
    }
  }

  static long parse(String status) {
    long voluntary = AWAKE;
    long involuntary = AWAKE;
    boolean asleep = false;
    for (String line : status.split("\n")) {
      if (line.startsWith(STATE)) {
        asleep = line.startsWith("S", STATE.length());
      } else if (line.startsWith(VOLUNTARY)) {
        voluntary = Long.parseLong(line.substring(VOLUNTARY.length()));
      } else if (line.startsWith(INVOLUNTARY)) {
        involuntary = Long.parseLong(line.substring(INVOLUNTARY.length()));
      }
    }
    return asleep && voluntary >= 0 && involuntary >= 0 ? voluntary + involuntary : AWAKE;
  }
}
