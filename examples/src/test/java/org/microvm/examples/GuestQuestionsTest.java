package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.testing.RequiresKvm;

@RequiresKvm
@Tag("linux")
@Timeout(300)
class GuestQuestionsTest {
  @Test
  void guest_isAskedAndHeard() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    GuestQuestions.run(new PrintStream(bytes, true, StandardCharsets.UTF_8));

    String text = bytes.toString(StandardCharsets.UTF_8);
    List<String> missing =
        List.of(
                "event: a host program has connected",
                "event: the agent has opened port 1 (org.qemu.guest_agent.0)",
                "system: microvm test guest 1, kernel 6.1",
                "host name: microvm",
                "network: lo",
                "file system: / erofs",
                "logged in: nobody",
                "logged in after a login: agent",
                "event: the guest has ended: PowerOff")
            .stream()
            .filter(words -> !text.contains(words))
            .toList();
    assertEquals(List.of(), missing, text);
  }
}
