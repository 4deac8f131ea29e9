package org.microvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

class SeccompProfileTest {
  private static final Path FILE = Path.of("..", "deploy", "seccomp", "microvm.json");

  @Test
  @EnabledIfSystemProperty(named = "microvm.docs", matches = "write")
  void file_isWritten() throws IOException {
    Files.writeString(FILE, SeccompProfile.text());
  }

  @Test
  void file_isThatOfThePolicy() throws IOException {
    assertEquals(
        SeccompProfile.text(),
        Files.readString(FILE),
        "deploy/seccomp/microvm.json differs from SystemCallPolicy: run `make docs`");
  }
}
