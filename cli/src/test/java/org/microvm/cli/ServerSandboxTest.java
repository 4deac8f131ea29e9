package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.microvm.cli.serve.ServerAnswer;
import org.microvm.cli.serve.ServerClient;
import org.microvm.machine.snapshot.Snapshot;
import org.microvm.qmp.QmpClient;
import org.microvm.sandbox.Sandbox;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** A server in its sandbox, for a user who has not run a machine before. */
@RequiresKvm
@Timeout(60)
class ServerSandboxTest extends ServerFixture {
  private Process server;

  @BeforeEach
  void serveInAProcess() throws Exception {
    assumeTrue(Sandbox.hasSeccomp() && Sandbox.landlockVersion() > 0, "the kernel has no sandbox");
    List<String> options =
        List.of(
            "-Dmicrovm.home=" + System.getProperty("microvm.home", ""),
            "-D" + MACHINES + "=" + directory.resolve("microvm"));
    ProcessBuilder builder =
        new ProcessBuilder(ChildJvm.command(options, Main.class, "serve")).inheritIO();
    builder.environment().put("XDG_STATE_HOME", directory.resolve("state").toString());
    server = builder.start();
    while (!isServed()) {
      assertTrue(server.isAlive());
      Thread.onSpinWait();
    }
  }

  @AfterEach
  void endProcess() throws Exception {
    if (server != null) {
      server.destroy();
      assertTrue(server.waitFor(20, TimeUnit.SECONDS));
    }
  }

  private boolean isServed() {
    try (ServerClient _ = ServerClient.connect(serverFiles.socket())) {
      return true;
    } catch (IOException none) {
      return false;
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--chardev socket,id=a,path=DIRECTORY/a,server=on,wait=off"
            + " --device virtserialport,chardev=a,name=org.qemu.guest_agent.0",
        "--chardev qemu-vdagent,id=a,clipboard=on,path=DIRECTORY/a"
            + " --device virtserialport,chardev=a,name=com.redhat.spice.0",
        "--chardev file,id=a,path=DIRECTORY/link/a --device virtserialport,chardev=a,name=a",
        "--chardev null,id=a,logfile=DIRECTORY/link/a --device virtserialport,chardev=a,name=a",
      })
  void machineThatTheSandboxRefuses_getsAProcessOfItsOwn(String options) throws Exception {
    Files.createSymbolicLink(directory.resolve("link"), Path.of("/usr"));
    String[] words = options.replace("DIRECTORY", directory.toString()).split(" ");

    assertEquals(ServerAnswer.ownProcess(), start("web", words));

    assertFalse(Files.exists(directory.resolve("microvm/web")));
    assertEquals(List.of(), machines.list());
  }

  @Test
  void firstSnapshotOfAUser_isSealed() throws Exception {
    Path saved = directory.resolve("saved");
    assertEquals(0, start("web").status());

    try (QmpClient client = qmp("web")) {
      client.execute("x-snapshot", QmpClient.arguments().put("directory", saved.toString()));
    }

    byte[] key = SnapshotKey.readOrCreate(directory.resolve("state/microvm/snapshot-key"));
    List<String> options = new ArrayList<>(Snapshot.open(saved).options());
    assertTrue(new SnapshotKey(key).isSealed(options), options::toString);
  }
}
