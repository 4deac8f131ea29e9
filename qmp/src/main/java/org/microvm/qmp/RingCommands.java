package org.microvm.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import org.microvm.virtioserial.backend.RingBuffer;
import org.microvm.virtioserial.options.ChardevSpec;

/** The commands that read and write ring buffers ({@code ringbuf}), the chardevs in memory. */
final class RingCommands {
  private static final String BASE64 = "base64";
  private static final List<String> FORMATS = List.of("utf8", BASE64);

  private static final Pattern BASE64_DIGITS = Pattern.compile("[A-Za-z0-9+/=]*");

  private final ChannelRegistry registry;

  RingCommands(ChannelRegistry registry) {
    this.registry = registry;
  }

  void addTo(QmpCommands commands) {
    commands.add("ringbuf-read", this::read);
    commands.add("ringbuf-write", this::write);
  }

  private JsonNode read(QmpArguments arguments) throws QmpException {
    String device = arguments.text("device");
    long size = arguments.number("size");
    boolean base64 = isBase64(arguments);
    arguments.finish();
    RingBuffer buffer = buffer(device);
    if (size <= 0) {
      throw QmpException.generic("size must be greater than zero");
    }
    byte[] bytes = buffer.read(size);
    return TextNode.valueOf(
        base64
            ? Base64.getEncoder().encodeToString(bytes)
            : new String(bytes, StandardCharsets.UTF_8));
  }

  private JsonNode write(QmpArguments arguments) throws QmpException {
    String device = arguments.text("device");
    String data = arguments.text("data");
    boolean base64 = isBase64(arguments);
    arguments.finish();
    RingBuffer buffer = buffer(device);
    if (base64 && !BASE64_DIGITS.matcher(data).matches()) {
      throw QmpException.generic("Base64 data contains invalid characters");
    }
    try {
      buffer.write(
          base64 ? Base64.getDecoder().decode(data) : data.getBytes(StandardCharsets.UTF_8));
    } catch (IllegalArgumentException e) {
      throw QmpException.generic("Base64 data '%s' is not valid", data);
    }
    return null;
  }

  private static boolean isBase64(QmpArguments arguments) throws QmpException {
    return arguments.optionalChoice("format", FORMATS).orElse("").equals(BASE64);
  }

  private RingBuffer buffer(String device) throws QmpException {
    Chardev chardev = registry.chardev(device);
    if (chardev == null) {
      throw QmpException.generic("Device '%s' not found", device);
    }
    if (chardev.spec().plain() instanceof ChardevSpec.Ring(RingBuffer buffer)) {
      return buffer;
    }
    throw QmpException.generic("%s is not a ringbuf device", device);
  }
}
