package org.microvm.devices.virtio;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * The driver's data in memory is loaded once, then checked and used. A guest that changes a
 * descriptor between two loads could otherwise have a range used that was never checked.
 */
class SingleFetchTest {
  @Test
  void virtqueues_haveNoPlainLoadThatTheCompilerMayRepeat() {
    ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);

    noClasses()
        .that()
        .resideInAPackage("org.microvm.devices.virtio..")
        .should()
        .callMethodWhere(
            describe(
                "the method is MemorySegment.get",
                (JavaMethodCall call) ->
                    call.getTargetOwner().getName().equals(MemorySegment.class.getName())
                        && call.getName().startsWith("get")))
        .check(new ClassFileImporter().importPath(Path.of("target", "classes")));
  }
}
