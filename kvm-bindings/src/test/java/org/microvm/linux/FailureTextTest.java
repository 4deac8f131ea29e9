package org.microvm.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

class FailureTextTest {
  @Test
  void fileWithoutAReason_getsTheReasonOfItsType() {
    assertEquals("a: no such file or directory", FailureText.of(new NoSuchFileException("a")));
    assertEquals("a: the file exists", FailureText.of(new FileAlreadyExistsException("a")));
    assertEquals(
        "a: permission denied",
        FailureText.of(new UncheckedIOException(new AccessDeniedException("a"))));
  }

  @Test
  void fileWithAReason_keepsIt() {
    FileSystemException failure = new FileSystemException("a", null, "Is a directory");

    assertEquals("a: Is a directory", FailureText.of(failure));
    assertEquals("Is a directory", FailureText.reason(failure));
  }

  @Test
  void interrupt_isNamedInTheMessage() {
    assertEquals("interrupted", FailureText.of(new ClosedByInterruptException()));
  }

  @Test
  void exceptionWithoutAMessage_isNamed() {
    assertEquals("java.io.IOException", FailureText.of(new IOException()));
  }
}
