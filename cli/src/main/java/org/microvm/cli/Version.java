package org.microvm.cli;

import picocli.CommandLine.IVersionProvider;

/** The version as the jar's manifest has it. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"microvm " + (number().isEmpty() ? "(not packaged)" : number())};
  }

  /** Such as 0.1.0; empty if this is not the packaged program. */
  static String number() {
    String version = Main.class.getPackage().getImplementationVersion();
    return version == null ? "" : version;
  }
}
