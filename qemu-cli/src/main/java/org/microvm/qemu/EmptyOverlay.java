package org.microvm.qemu;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.microvm.linux.FailureText;
import org.microvm.virtioserial.options.OptionException;

/**
 * A qcow2 image that contains no data yet and has a raw backing file, as programs create it to
 * leave that file unchanged. It is equivalent to a private overlay of the backing file ({@code
 * snapshot=on}), as long as nobody needs the changes afterwards. Other qcow2 images are refused.
 * The format is described in QEMU's docs/interop/qcow2.txt.
 */
final class EmptyOverlay {
  private static final int MAGIC = 0x514649fb;
  private static final int HEADER_V2 = 72;
  private static final int BACKING_FORMAT = 0xe2792aca;
  private static final int MAX_BYTES = 32 << 20;
  private static final int LONGEST_NAME = 1023;

  private EmptyOverlay() {}

  /**
   * Returns the backing file.
   *
   * @param image the qcow2 image
   * @throws OptionException if it is not such an image
   */
  static Path backingFile(Path image) throws OptionException {
    try (SeekableByteChannel file = Files.newByteChannel(image)) {
      ByteBuffer header = read(file, 0, HEADER_V2);
      int version = header.getInt(4);
      if (header.getInt(0) != MAGIC || version < 2 || version > 3) {
        throw new OptionException(image + " is not a qcow2 image");
      }
      long name = header.getLong(8);
      int length = header.getInt(16);
      int entries = header.getInt(36);
      if (name == 0 || length <= 0 || length > LONGEST_NAME) {
        throw refused(image, "it has no backing file");
      }
      if (header.getInt(32) != 0 || entries < 0 || entries > MAX_BYTES / Long.BYTES) {
        throw refused(image, "it is encrypted or too large");
      }
      if (isWritten(read(file, header.getLong(40), entries * Long.BYTES))) {
        throw refused(image, "it contains data");
      }
      String format = format(file, version == 2 ? HEADER_V2 : read(file, 100, 4).getInt(0), name);
      if (!format.isEmpty() && !format.equals("raw")) {
        throw refused(image, "its backing file has the format " + format);
      }
      return backing(image, text(read(file, name, length)), header.getLong(24));
    } catch (IOException e) {
      throw new OptionException(image + " cannot be read: " + FailureText.of(e));
    }
  }

  private static Path backing(Path image, String name, long size)
      throws OptionException, IOException {
    if (name.contains(":") && !name.startsWith("/")) {
      throw refused(image, "its backing file is " + name);
    }
    Path backing = image.toAbsolutePath().resolveSibling(name);
    if (Files.isRegularFile(backing) && Files.size(backing) != size) {
      throw refused(image, "its size is not that of its backing file");
    }
    return backing;
  }

  /** Returns the format that a header extension names; empty if there is none. */
  private static String format(SeekableByteChannel file, int at, long end)
      throws IOException, OptionException {
    int length = Math.toIntExact(Math.min(end - at, 1 << 16));
    if (length < 8) {
      return "";
    }
    ByteBuffer extensions = read(file, at, length);
    while (extensions.remaining() >= 8) {
      int type = extensions.getInt();
      int size = extensions.getInt();
      if (type == 0 || size < 0 || size > extensions.remaining()) {
        return "";
      }
      if (type == BACKING_FORMAT) {
        return text(extensions.slice(extensions.position(), size));
      }
      extensions.position(Math.min(extensions.limit(), extensions.position() + (size + 7) / 8 * 8));
    }
    return "";
  }

  private static boolean isWritten(ByteBuffer entries) {
    while (entries.hasRemaining()) {
      if (entries.getLong() != 0) {
        return true;
      }
    }
    return false;
  }

  private static ByteBuffer read(SeekableByteChannel file, long offset, int length)
      throws IOException, OptionException {
    if (offset < 0 || length < 0 || offset > file.size() - length) {
      throw new OptionException("the qcow2 image is truncated");
    }
    ByteBuffer bytes = ByteBuffer.allocate(length);
    file.position(offset);
    while (bytes.hasRemaining() && file.read(bytes) >= 0) {
      // Until it is full; the size was checked.
    }
    return bytes.flip();
  }

  private static String text(ByteBuffer bytes) {
    return StandardCharsets.UTF_8.decode(bytes).toString();
  }

  private static OptionException refused(Path image, String why) {
    return new OptionException(
        ("%s: of qcow2 images only an empty overlay of a raw image is accepted, whose changes are"
                + " lost at the end; %s: convert it, for example with 'qemu-img convert -O raw IMAGE"
                + " disk.img'")
            .formatted(image, why));
  }
}
