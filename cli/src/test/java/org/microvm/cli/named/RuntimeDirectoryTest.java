package org.microvm.cli.named;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.microvm.linux.ProcessUser;
import org.microvm.testing.ChildJvm;

/** The directory of an unprivileged user's machines. */
@Timeout(30)
class RuntimeDirectoryTest {
  private static final String NOBODY = "65534";

  @TempDir private Path parent;

  /** Creates the directory in the argument, and uses it again. */
  static final class Program {
    private Program() {}

    public static void main(String[] args) throws Exception {
      Path directory = RuntimeDirectory.of(Map.of("XDG_RUNTIME_DIR", args[0]), text -> {});
      RuntimeDirectory.prepare(directory);
      RuntimeDirectory.prepare(directory);
      System.out.print(RuntimeDirectory.of(Map.of(), text -> {}));
    }
  }

  @Test
  void directory_ofAnUnprivilegedUser_isUsedAgain() throws Exception {
    assumeTrue(ProcessUser.id() == 0, "only root can change the user");
    Files.setPosixFilePermissions(parent, PosixFilePermissions.fromString("rwxrwxrwx"));
    // This user may not be able to read the class path.
    String override = "+dac_override";
    ProcessBuilder builder =
        new ProcessBuilder("setpriv", "--reuid", NOBODY, "--inh-caps", override, "--ambient-caps");
    builder.command().add(override);
    builder.command().addAll(ChildJvm.command(Program.class, parent.toString()));
    Process process = builder.redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    assertTrue(output.matches("/run/user/65534/microvm|/tmp/microvm-65534"), output);
    assertEquals(
        Integer.parseInt(NOBODY), Files.getAttribute(parent.resolve("microvm"), "unix:uid"));
  }
}
