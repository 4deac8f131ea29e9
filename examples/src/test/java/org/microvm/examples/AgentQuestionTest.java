package org.microvm.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.microvm.testing.RequiresKvm;

@RequiresKvm
@Tag("linux")
@Timeout(300)
class AgentQuestionTest {
  @Test
  void agent_answersOverAnInProcessChannel() throws Exception {
    assertEquals(
        "{\"return\": {\"host-name\": \"microvm\"}}",
        AgentQuestion.ask("{\"execute\": \"guest-get-host-name\"}"));
  }
}
