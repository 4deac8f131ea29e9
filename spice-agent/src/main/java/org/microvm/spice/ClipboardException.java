package org.microvm.spice;

import java.io.IOException;

/** The peer violates the protocol, or does not have the requested contents. */
public final class ClipboardException extends IOException {
  private static final long serialVersionUID = 1;

  ClipboardException(String message) {
    super(message);
  }
}
