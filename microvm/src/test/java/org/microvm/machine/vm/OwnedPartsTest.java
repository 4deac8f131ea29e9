package org.microvm.machine.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class OwnedPartsTest {
  private final List<String> closed = new ArrayList<>();
  private final OwnedParts parts = new OwnedParts();

  @Test
  void parts_areClosedInReverseOrderAndOnce() {
    parts.own(() -> closed.add("first"));
    parts.ownToTheEnd(() -> closed.add("last"));
    parts.own(() -> closed.add("second"));

    parts.close();
    parts.close();

    assertEquals(List.of("second", "first", "last"), closed);
  }

  @Test
  void errorOfAPart_leavesNoOtherPartOpen() {
    StackOverflowError error = new StackOverflowError();
    IOException other = new IOException("other");
    parts.own(() -> closed.add("first"));
    parts.own(
        () -> {
          throw other;
        });
    parts.own(
        () -> {
          throw error;
        });

    assertSame(error, assertThrows(StackOverflowError.class, parts::close));

    assertEquals(List.of("first"), closed);
    assertSame(other, error.getSuppressed()[0].getCause());
  }
}
