package org.microvm.agent;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import java.util.List;

/** Answers of a guest agent that returns any JSON. */
class AnswerFuzzTest {
  private static final List<Answer.Reader<?>> READERS =
      List.of(
          AgentInfo::of,
          ExecResult::of,
          Filesystem::of,
          GuestDisk::of,
          GuestUser::of,
          NetworkInterface::of,
          OsInfo::of,
          answer -> answer.list(GuestUser::of),
          answer -> answer.texts("list"));

  /** The first byte selects the command. */
  @FuzzTest
  void answer_anyJson_isRefusedOrRead(byte[] input) {
    if (input.length < 2) {
      return;
    }
    Line line = new Line(Arrays.copyOfRange(input, 1, input.length), false);
    try {
      Answer answer = new Answer("command", AgentConnection.parse("command", line));
      READERS.get((input[0] & 0xff) % READERS.size()).read(answer).toString();
      new Answer("command", answer.node().path("return")).list(GuestUser::of);
    } catch (AgentProtocolException e) {
      return;
    }
  }
}
