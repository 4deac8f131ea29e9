package org.microvm.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.Callable;
import org.microvm.agent.GuestAgent;
import org.microvm.agent.GuestFiles;
import org.microvm.linux.FailureText;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code microvm agent cp}: copies a file into the guest or out of it. */
@Command(
    name = "cp",
    description = {
      "Copies a file into the guest or out of it.",
      "A path in the guest begins with a colon, as in 'cp notes.txt :/tmp/' and"
          + " 'cp :/etc/hosts -'; - is standard input or output.",
      "A new file gets the permissions of the one that is copied: in the guest only"
          + " its owner may write it, and on the host the umask applies. What is copied"
          + " from standard input gets mode 0644. An existing file keeps its permissions."
    },
    mixinStandardHelpOptions = true)
final class AgentCommandCopy implements Callable<Integer> {
  private static final String STREAM = "-";

  @ParentCommand private AgentCommand parent;

  @Parameters(index = "0", paramLabel = "FROM", description = "FILE, :GUEST-FILE or -")
  private String from;

  @Parameters(index = "1", paramLabel = "TO", description = "FILE, :GUEST-FILE or -")
  private String to;

  private TransferProgress progress;

  @Override
  public Integer call() throws IOException {
    if (from.startsWith(":") == to.startsWith(":")) {
      throw new UsageException(
          "exactly one of FROM and TO must be a path in the guest, written as :/path");
    }
    for (String word : List.of(from, to)) {
      Options.file("cp", word.startsWith(":") ? word.substring(1) : word);
    }
    progress = to.equals(STREAM) ? TransferProgress.unlessOnTerminal() : TransferProgress.ofCopy();
    try (Interruption interruption = new Interruption()) {
      try (GuestAgent agent = parent.connect()) {
        if (to.startsWith(":")) {
          copyIn(agent.files(), to.substring(1));
        } else {
          copyOut(agent.files(), from.substring(1));
        }
        progress.end();
        return 0;
      } catch (IOException e) {
        progress.end();
        // Only a file of the host appears once it is complete.
        String state = progress.hasBegun() ? "; " + to + " may be incomplete" : "";
        if (!CheckedOutput.isReaderGone()) {
          System.err.println("microvm: " + GuestText.plain(FailureText.of(e) + state));
        }
        return interruption.statusOr(Main.FAILED);
      }
    }
  }

  private void copyIn(GuestFiles files, String target) throws IOException {
    if (from.equals(STREAM)) {
      boolean created = files.create(target, PosixFilePermissions.fromString("rw-r--r--"));
      files.copyIn(progress.counting(new InterruptibleInput(System.in)), target);
      warnUnless(created, target);
      return;
    }
    Path source = Path.of(from);
    if (!Files.isReadable(source) || Files.isDirectory(source)) {
      throw new IOException(from + " is not a readable file");
    }
    String file = target.endsWith("/") ? target + source.getFileName() : target;
    try (InputStream input = Files.newInputStream(source)) {
      boolean created = files.create(file, GuestFiles.permissionsInTheGuest(source));
      files.copyIn(progress.counting(input), file);
      warnUnless(created, file);
    }
  }

  /** Guests in which paths begin otherwise have no such modes. */
  private void warnUnless(boolean created, String file) {
    if (!created && file.startsWith("/")) {
      progress.end();
      System.err.println(
          "microvm: all users of the guest may write "
              + file
              + ": the agent cannot run chmod there");
    }
  }

  private void copyOut(GuestFiles files, String source) throws IOException {
    if (to.equals(STREAM)) {
      files.copyOut(source, progress.counting(StandardStream.output()));
      return;
    }
    Path target = Path.of(to);
    if (Files.isDirectory(target)) {
      target = target.resolve(source.substring(source.lastIndexOf('/') + 1));
    }
    files.copyOut(source, target, progress::counting);
  }
}
