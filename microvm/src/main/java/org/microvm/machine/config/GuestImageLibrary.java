package org.microvm.machine.config;

import java.io.IOException;
import java.io.InputStream;

/**
 * A library on the class path or module path that contains guest images, such as the artifact
 * {@code org.microvm:guest-images}. {@link GuestImages#installed()} finds it with {@link
 * java.util.ServiceLoader}.
 */
public interface GuestImageLibrary {
  /**
   * The name of the file that lists the others: for each a line with its SHA-256 in hexadecimal,
   * two spaces and its name, as {@code sha256sum} prints it.
   */
  String LIST = "SHA256SUMS";

  /**
   * Opens a file of the library.
   *
   * @param name {@link #LIST} or the name of a file in that list
   * @return the content of the file, or null if there is no such file
   * @throws IOException if the file exists but cannot be read
   */
  InputStream open(String name) throws IOException;
}
