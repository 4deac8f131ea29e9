package org.microvm.spice;

import java.util.Locale;

/** A format of a clipboard's contents (VD_AGENT_CLIPBOARD_*); others are not offered. */
public enum Format {
  /** Text in UTF-8. */
  TEXT(1, "text/plain;charset=utf-8"),
  /** An image in PNG. */
  PNG(2, "image/png");

  private final int number;
  private final String mediaType;

  Format(int number, String mediaType) {
    this.number = number;
    this.mediaType = mediaType;
  }

  /** {@return the media type, such as {@code image/png}} */
  public String mediaType() {
    return mediaType;
  }

  /** {@return the name in lower case} */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the format with this number, or null. */
  static Format of(int number) {
    return number == TEXT.number ? TEXT : number == PNG.number ? PNG : null;
  }

  /** The number in messages. */
  int number() {
    return number;
  }
}
