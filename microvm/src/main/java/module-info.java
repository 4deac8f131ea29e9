/** Virtual machines: boots, saves, restores and migrates guests. */
module org.microvm.machine {
  requires jdk.jfr;
  requires org.microvm.firmware;
  requires transitive org.microvm.virtioserial;
  requires org.slf4j;

  exports org.microvm.machine;
  exports org.microvm.machine.config;
  exports org.microvm.machine.migration;
  exports org.microvm.machine.runtime;
  exports org.microvm.machine.snapshot;

  uses org.microvm.machine.config.GuestImageLibrary;
}
