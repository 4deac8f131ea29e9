/** Helpers for tests that use the JUnit extension. */
module org.example.tests {
  requires org.microvm.junit;
}
