package org.microvm.machine.linux;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.microvm.virtioserial.SerialConfig;

/**
 * Gives tests a {@link LinuxGuest} that all classes share, for a boot takes seconds. Tests leave it
 * as they found it: with no ports and no processes of theirs.
 */
final class SharedGuest implements ParameterResolver {
  /** Every possible port costs the guest time in each interrupt. */
  private static final int PORTS = 16;

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == LinuxGuest.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return context
        .getRoot()
        .getStore(Namespace.create(SharedGuest.class))
        .computeIfAbsent(LinuxGuest.class, type -> boot(), LinuxGuest.class);
  }

  private static LinuxGuest boot() {
    try {
      return LinuxGuest.boot(SerialConfig.defaults().withMaxPorts(PORTS), "");
    } catch (Exception e) {
      throw new IllegalStateException("no Linux guest", e);
    }
  }
}
