package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class QmpInputTest implements QmpInput.Sink {
  private final List<String> objects = new ArrayList<>();
  private final List<String> complaints = new ArrayList<>();
  private final QmpInput input = new QmpInput(this);

  @Override
  public void value(byte[] json) {
    objects.add(new String(json, StandardCharsets.UTF_8));
  }

  @Override
  public void malformed(String description) {
    complaints.add(description);
  }

  @Override
  public void tooLong(Optional<byte[]> id) {
    complaints.add("too long: " + id.map(json -> new String(json, StandardCharsets.UTF_8)));
  }

  private void give(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    input.accept(bytes, bytes.length);
  }

  @Test
  void braces_inStrings_doNotCount() {
    give("{\"a\": \"}\\\"}\"} {'b': '\\'}'}");

    assertEquals(List.of("{\"a\": \"}\\\"}\"}", "{'b': '\\'}'}"), objects);
  }

  @Test
  void bytes_oneByOne_makeTheSameObject() {
    "{\"execute\": [1, {}]}".chars().forEach(c -> give(Character.toString(c)));

    assertEquals(List.of("{\"execute\": [1, {}]}"), objects);
  }

  @Test
  void words_areValuesOfTheirOwn() {
    give("quit 5 \"a {\"\n{}");

    assertEquals(List.of("quit", "5", "\"a {\"", "{}"), objects);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'execute': 'st\u00ffop'}\n",
        "{'execute':\n'stop'\u0001}\n",
        "{'execute': 'st\nop'}\n",
        "{'execute': 'stop\u00ff",
        "\u00ff",
        "{'a': [[{\u0000",
        "{'a': A}\n",
      })
  void byteThatJsonDoesNotAllow_isOneErrorAndTheNextCommandIsTaken(String broken) {
    byte[] bytes = broken.getBytes(StandardCharsets.ISO_8859_1);
    input.accept(bytes, bytes.length);
    give("{'execute': 'cont'}");

    assertEquals(1, complaints.size(), complaints::toString);
    assertTrue(complaints.getFirst().startsWith("JSON parse error, stray"), complaints::toString);
    assertEquals(List.of("{'execute': 'cont'}"), objects);
  }

  @Test
  void error_inAString_showsTheString() {
    byte[] bytes = "{\"execute\": \"st\u00ffop\"}\n".getBytes(StandardCharsets.ISO_8859_1);
    input.accept(bytes, bytes.length);

    assertEquals(List.of("JSON parse error, stray '\"st\ufffd'"), complaints);
  }

  @Test
  void nesting_deeperThanQemus_isOneErrorAndTheNextLineIsTaken() {
    give("{'id': " + "[".repeat(5000) + "]".repeat(4000) + "}\n{}");

    assertEquals(List.of("JSON nesting depth limit exceeded"), complaints);
    assertEquals(List.of("{}"), objects);
  }

  @Test
  void object_ofTheGreatestLength_isTaken() {
    String longest = "{" + " ".repeat(QmpInput.MAX_BYTES - 2) + "}";

    give(longest);
    give(longest.replace("}", " }") + "\n{}");

    assertEquals(List.of(longest, "{}"), objects);
    assertEquals(List.of("too long: Optional.empty"), complaints);
  }

  @Test
  void commandThatIsTooLong_isRefusedWithItsId() {
    String filler = "x".repeat(3 << 20);

    give("{\"id\": 7, \"a\": \"" + filler + "\"}");
    give("{\"a\": {\"id\": 1}, \"b\": \"" + filler + "\", \"id\" : [\"a,b\", {\"c\": 1}]}{}");

    assertEquals(
        List.of("too long: Optional[ 7]", "too long: Optional[ [\"a,b\", {\"c\": 1}]]"),
        complaints);
    assertEquals(List.of("{}"), objects);
  }

  @Test
  void noise_isTakenWithoutAnException() {
    Random random = new Random(1);
    byte[] noise = new byte[1 << 22];
    random.nextBytes(noise);

    input.accept(noise, noise.length);

    assertTrue(complaints.size() > 1000, complaints.size() + " complaints");
  }
}
