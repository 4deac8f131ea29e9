package org.microvm.qmp;

import java.util.Optional;

/** Turns the {@code backend} of QMP's chardev-add into the words of {@code -chardev}. */
final class ChardevWords {
  private final StringBuilder words;

  private ChardevWords(String kind) {
    words = new StringBuilder(kind);
  }

  /** The words for {@code {"type": ..., "data": {...}}}. */
  static String of(QmpArguments backend) throws QmpException {
    String type = backend.text("type");
    ChardevWords words =
        switch (type) {
          case "socket" -> socket(backend.object("data"));
          case "file" -> file(backend.object("data"));
          case "pipe" -> pipe(backend.object("data"));
          case "pty", "null" -> {
            backend.rest(); // "data" is an object without members that matter, or not there
            yield new ChardevWords(type);
          }
          default ->
              throw QmpException.generic(
                  "chardev backend '%s' is not supported; there are: socket, file, pipe, pty, null",
                  type);
        };
    backend.finish();
    return words.words.toString();
  }

  private static ChardevWords socket(QmpArguments data) throws QmpException {
    ChardevWords words = new ChardevWords("socket");
    QmpArguments address = data.object("addr");
    String type = address.text("type");
    QmpArguments where = address.object("data");
    switch (type) {
      case "unix" -> words.put("path", where.text("path"));
      case "inet" -> words.put("host", where.text("host")).put("port", where.text("port"));
      default ->
          throw QmpException.generic("socket address type '%s' is neither unix nor inet", type);
    }
    where.finish();
    address.finish();
    boolean server = data.optionalFlag("server").orElse(true);
    if (data.optionalFlag("wait").orElse(false)) {
      throw QmpException.generic("wait=true is for sockets that are there before the guest starts");
    }
    words.put("server", server ? "on" : "off");
    if (server) {
      words.put("wait", "off");
    }
    words.put("reconnect", data.optionalNumber("reconnect").map(String::valueOf));
    words.put("reconnect-ms", data.optionalNumber("reconnect-ms").map(String::valueOf));
    data.finish();
    return words;
  }

  private static ChardevWords file(QmpArguments data) throws QmpException {
    ChardevWords words = new ChardevWords("file");
    words.put("path", data.text("out"));
    words.put("input-path", data.optionalText("in"));
    words.put("append", data.optionalFlag("append").map(on -> on ? "on" : "off"));
    data.finish();
    return words;
  }

  private static ChardevWords pipe(QmpArguments data) throws QmpException {
    ChardevWords words = new ChardevWords("pipe").put("path", data.text("device"));
    data.finish();
    return words;
  }

  private void put(String name, Optional<String> value) {
    value.ifPresent(text -> put(name, text));
  }

  private ChardevWords put(String name, String value) {
    // Two commas stand for one in a value.
    words.append(',').append(name).append('=').append(value.replace(",", ",,"));
    return this;
  }
}
