package org.microvm.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.microvm.agent.AgentClient;
import org.microvm.cli.named.Background;
import org.microvm.linux.ProcessExit;

/**
 * Runs several commands in one process, one after the other: {@code microvm train COMMAND --then
 * COMMAND}. The JVM's ahead-of-time cache contains what a single process has used, so {@code
 * tools/train-aot} needs this to cover a restore and both ends of a migration. The help does not
 * list it.
 */
final class AotTraining {
  /** The name of this command. */
  static final String COMMAND = "train";

  private static final String NEXT = "--then";

  private AotTraining() {}

  /** Runs all commands and returns the highest status: 0 if all of them succeeded. */
  static int run(String... args) {
    SandboxOptions.rehearse();
    Background.rehearse();
    rehearseMapper();
    rehearseEnd();
    PrintWriter err = new PrintWriter(System.err, true);
    List<String> command = new ArrayList<>();
    int status = 0;
    for (String arg : Arrays.asList(args).subList(1, args.length)) {
      if (arg.equals(NEXT)) {
        status = Math.max(status, Main.execute(err, command.toArray(String[]::new)));
        command.clear();
      } else {
        command.add(arg);
      }
    }
    return Math.max(status, Main.execute(err, command.toArray(String[]::new)));
  }

  /**
   * No machine uses an {@code ObjectMapper}, but {@code agent} does, and takes 60 ms longer if the
   * cache lacks it.
   */
  private static void rehearseMapper() {
    try {
      new ObjectMapper().readTree(AgentClient.arguments().toPrettyString());
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * This process ends without {@link CommandExit}, and its machines have control sockets. A class
   * that the cache lacks makes each command open a jar, which a process that may open few files
   * cannot do.
   */
  private static void rehearseEnd() {
    OpenFileLimit.reason(new LinkageError());
    for (Class<?> other : List.of(CommandExit.class, DiskRetry.class, ProcessExit.class)) {
      try {
        Class.forName(other.getName());
      } catch (ClassNotFoundException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
