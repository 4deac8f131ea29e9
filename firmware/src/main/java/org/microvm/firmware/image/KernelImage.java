package org.microvm.firmware.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** A kernel file. In every format, the part that is started is an ELF image. */
public sealed interface KernelImage extends AutoCloseable permits ElfKernel, BzImage {

  /** The part that is loaded. */
  ElfKernel elf();

  /** The boot protocol's setup header, synthesized for an image that has none. */
  SetupHeader setupHeader();

  /** Releases the file. */
  @Override
  void close();

  /**
   * Recognizes a file by its content and reads its headers.
   *
   * @param path an ELF image or a bzImage
   * @param unpackedMax the largest size in bytes that a compressed kernel may unpack to
   * @throws ImageException if the file is neither, is damaged, or is not for this machine
   */
  static KernelImage open(Path path, long unpackedMax) throws ImageException {
    ByteSource source = null;
    try {
      source = FileSource.open(path);
      ByteBuffer head =
          ByteBuffer.allocate((int) Math.min(SetupHeader.END, source.size()))
              .order(ByteOrder.LITTLE_ENDIAN);
      source.read(0, head);
      head.flip();
      KernelImage image;
      if (ElfKernel.recognizes(head)) {
        image = ElfKernel.parse(source);
      } else if (SetupHeader.isIn(head)) {
        image = BzImage.parse(source, SetupHeader.parse(head), unpackedMax);
      } else {
        throw new ImageException("is not a kernel: neither an ELF file nor a bzImage");
      }
      source = null;
      return image;
    } catch (ImageException e) {
      throw e.about("kernel " + path);
    } finally {
      if (source != null) {
        source.close();
      }
    }
  }
}
