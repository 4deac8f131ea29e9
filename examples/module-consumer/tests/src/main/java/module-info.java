/** Tests in a guest. JUnit finds and calls them by reflection, for which the module is open. */
open module org.example.tests {
  requires org.microvm.junit;
}
