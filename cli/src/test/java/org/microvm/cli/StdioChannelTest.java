package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.machine.TestImages;
import org.microvm.testing.ChildJvm;
import org.microvm.testing.RequiresKvm;

/** A channel whose host end is standard input and output of the process. */
@RequiresKvm
@Tag("linux")
@Timeout(120)
class StdioChannelTest {
  @Test
  void stdio_isTheProcessesOwn() throws Exception {
    String home = System.getProperty("microvm.home", "..");
    String guest =
        "until [ -e /dev/virtio-ports/io ]; do :; done; exec 3<>/dev/virtio-ports/io; head -n 1 <&3 >&3";
    Process machine =
        new ProcessBuilder(
                ChildJvm.command(
                    Main.class,
                    "run",
                    "--no-console",
                    "--kernel",
                    TestImages.kernel().toString(),
                    "--disk",
                    TestImages.disk() + ",readonly=on",
                    "--append",
                    Files.readString(TestImages.commandLine()).strip()
                        + " microvm.run=\""
                        + guest
                        + "\"",
                    "--chardev",
                    "stdio,id=x",
                    "--device",
                    "virtserialport,chardev=x,name=io"))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .directory(Path.of(home).toFile())
            .start();
    try (OutputStream input = machine.getOutputStream();
        InputStream output = machine.getInputStream()) {
      input.write("through the guest\n".getBytes());
      input.flush();
      assertEquals("through the guest\n", new String(output.readNBytes(18)));
      assertTrue(machine.waitFor(1, TimeUnit.MINUTES));
      assertEquals(0, machine.exitValue());
    } finally {
      machine.destroyForcibly();
    }
  }
}
