/** Virtual machines as a fixture of JUnit Jupiter tests. */
module org.microvm.junit {
  requires transitive org.junit.jupiter.api;
  requires org.junit.platform.commons;
  requires transitive org.microvm.agent;
  requires transitive org.microvm.machine;

  exports org.microvm.junit;
}
