package org.microvm.machine;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** How the packages of this module depend on each other: one way. */
class PackagesTest {
  @Test
  void packages_haveNoCycles() {
    // Other modules' classes are not looked into.
    ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);

    slices()
        .matching("org.microvm.(**)")
        .should()
        .beFreeOfCycles()
        .check(new ClassFileImporter().importPath(Path.of("target", "classes")));
  }
}
