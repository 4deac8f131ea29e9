package org.microvm.guestimages;

import java.io.InputStream;
import org.microvm.machine.config.GuestImageLibrary;

/** The images in this library's own jar. */
public final class PackagedImages implements GuestImageLibrary {
  /** Creates the provider; the service loader calls this. */
  public PackagedImages() {}

  @Override
  public InputStream open(String name) {
    return PackagedImages.class.getResourceAsStream(name);
  }
}
