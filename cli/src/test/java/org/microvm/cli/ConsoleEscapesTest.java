package org.microvm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.microvm.cli.ConsoleEscapes.Action;

class ConsoleEscapesTest {
  private final ConsoleEscapes escapes = new ConsoleEscapes();

  private List<Action> type(String keys) {
    List<Action> actions = new ArrayList<>();
    keys.chars().forEach(key -> actions.add(escapes.key((byte) key)));
    return actions;
  }

  @Test
  void plainKeys_goToTheGuest() {
    assertEquals(List.of(Action.SEND, Action.SEND), type("ls"));
  }

  @Test
  void escapeX_leaves() {
    assertEquals(List.of(Action.DROP, Action.LEAVE), type("\1x"));
  }

  @Test
  void escapeH_helps() {
    assertEquals(List.of(Action.DROP, Action.HELP), type("\1h"));
  }

  @Test
  void escapeTwice_sendsOneAndEndsTheEscape() {
    assertEquals(List.of(Action.DROP, Action.SEND_ESCAPE, Action.SEND), type("\1\1x"));
  }

  @Test
  void escapeOther_isDropped() {
    assertEquals(List.of(Action.DROP, Action.DROP, Action.SEND), type("\1qx"));
  }
}
