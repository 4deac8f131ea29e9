package org.microvm.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The part of a guest's console output that is kept. */
@Timeout(60)
class GuestConsoleTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  private final GuestConsole console = new GuestConsole();

  private void say(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    console.write(bytes, 0, bytes.length);
  }

  @Test
  void text_inPiecesOfACharacter_isWhole() {
    for (byte piece : "Größe".getBytes(StandardCharsets.UTF_8)) {
      console.write(piece);
    }

    assertEquals("Größe", console.toString());
  }

  @Test
  void moreThanIsKept_losesTheBeginning() {
    say("beginning");
    say("x".repeat(GuestConsole.MAX));

    assertEquals(GuestConsole.MAX, console.toString().length());
    assertEquals(GuestConsole.MAX + "beginning".length(), console.length());
  }

  @Test
  void await_wordsSaidMeanwhile_returns() throws Exception {
    Thread guest = Thread.ofPlatform().start(() -> say("ready"));

    console.await("ready", 0, LONG);

    guest.join();
  }

  @Test
  void await_textOutsideAscii_isFound() throws Exception {
    say("Größe: 5 €");

    console.await("Größe: 5 €", 0, Duration.ofMillis(1));
  }

  @Test
  void await_withoutALimit_returns() throws Exception {
    Thread guest = Thread.ofPlatform().start(() -> say("ready"));

    console.await("ready", 0, ChronoUnit.FOREVER.getDuration());

    guest.join();
  }

  @Test
  void await_wordsSaidBefore_doNotCount() {
    say("ready");

    TimeoutException e =
        assertThrows(
            TimeoutException.class,
            () -> console.await("ready", console.length(), Duration.ofMillis(1)));

    assertTrue(e.getMessage().contains("'ready'"), e.getMessage());
  }

  @Test
  void await_afterTheBeginningWasDropped_countsFromTheStartOfTheGuest() throws Exception {
    say("x".repeat(GuestConsole.MAX));
    long before = console.length();
    say("ready");

    console.await("ready", before, LONG);
  }
}
