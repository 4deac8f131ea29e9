package org.microvm.machine.linux;

import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.microvm.virtioserial.SerialConfig;

/**
 * Gives tests a {@link LinuxGuest} that several classes share, because a boot takes seconds. Tests
 * must remove the ports and processes that they add.
 */
abstract class SharedGuest implements BeforeAllCallback, ParameterResolver {
  private final SerialConfig serial;
  private final String words;

  /** Sets the serial configuration and additional parameters for the kernel command line. */
  SharedGuest(SerialConfig serial, String words) {
    this.serial = serial;
    this.words = words;
  }

  /** Boots the guest before the tests, whose time limits do not include the boot. */
  @Override
  public void beforeAll(ExtensionContext context) {
    guest(context);
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == LinuxGuest.class;
  }

  /** The shared guest, which is closed after all tests. */
  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return guest(context);
  }

  private LinuxGuest guest(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(Namespace.create(SharedGuest.class))
        .computeIfAbsent(getClass(), type -> boot(), LinuxGuest.class);
  }

  private LinuxGuest boot() {
    try {
      return LinuxGuest.boot(serial, words);
    } catch (Exception e) {
      throw new IllegalStateException("the Linux guest could not be started", e);
    }
  }
}
