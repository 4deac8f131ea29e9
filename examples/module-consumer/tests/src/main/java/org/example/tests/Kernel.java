package org.example.tests;

import java.io.IOException;
import org.microvm.junit.GuestVm;

/** What a guest's kernel says about itself. */
final class Kernel {
  private Kernel() {}

  /** Returns the release of the guest's kernel, such as 6.1.192. */
  static String release(GuestVm vm) throws IOException {
    return vm.exec("uname", "-r").output();
  }
}
