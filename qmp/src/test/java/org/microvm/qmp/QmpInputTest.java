package org.microvm.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class QmpInputTest implements QmpInput.Sink {
  private final List<String> objects = new ArrayList<>();
  private final List<String> complaints = new ArrayList<>();
  private final QmpInput input = new QmpInput(this);

  @Override
  public void object(byte[] json) {
    objects.add(new String(json, StandardCharsets.UTF_8));
  }

  @Override
  public void malformed(String description) {
    complaints.add(description);
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
  void something_thatIsNoObject_costsItsLineOnly() {
    give("quit {}\n{}");

    assertEquals(1, complaints.size());
    assertEquals(List.of("{}"), objects);
  }

  @Test
  void object_ofTheGreatestLength_isTaken() {
    String longest = "{" + " ".repeat(QmpInput.MAX_BYTES - 2) + "}";

    give(longest);
    give(longest.replace("}", " }") + "\n{}");

    assertEquals(List.of(longest, "{}"), objects);
    assertEquals(1, complaints.size());
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
