package org.microvm.cli;

import picocli.CommandLine.IVersionProvider;

/** Reads the version from the jar's manifest. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"microvm " + (number().isEmpty() ? "(not packaged)" : number())};
  }

  /** The version, such as 0.1.0; empty if the program does not run from its jar. */
  static String number() {
    String version = Main.class.getPackage().getImplementationVersion();
    return version == null ? "" : version;
  }
}
