package org.microvm.machine.jfr;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A rare event in the life of a machine, such as a pause. */
@Name("org.microvm.Lifecycle")
@Label("Lifecycle")
@Description("A machine was started, paused, resumed, reset, has panicked or ended")
@Category({"microvm", "machine"})
@StackTrace(false)
final class LifecycleEvent extends Event {
  @Label("What")
  String what;

  @Label("How")
  String how;

  /** Records an event, if it is enabled. */
  static void emit(String what, String how) {
    LifecycleEvent event = new LifecycleEvent();
    if (event.isEnabled()) {
      event.what = what;
      event.how = how;
      event.commit();
    }
  }
}
