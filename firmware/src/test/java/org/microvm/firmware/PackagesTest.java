package org.microvm.firmware;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The packages of this module have no dependency cycles. */
class PackagesTest {
  @Test
  void packages_haveNoCycles() {
    // Classes of other modules are not analyzed.
    ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);

    slices()
        .matching("org.microvm.(**)")
        .should()
        .beFreeOfCycles()
        .check(new ClassFileImporter().importPath(Path.of("target", "classes")));
  }
}
