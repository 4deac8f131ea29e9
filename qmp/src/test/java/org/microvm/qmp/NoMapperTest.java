package org.microvm.qmp;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * The start of a machine with a control server does not load Jackson's mapper: {@link JsonText}.
 */
class NoMapperTest {
  private static final Set<String> WITH_MAPPER = Set.of("toString", "toPrettyString");

  @Test
  void classesUseNoMapper() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .areAssignableTo(ObjectMapper.class)
        .orShould()
        .callMethodWhere(
            DescribedPredicate.describe(
                "a node's text is made by a mapper",
                (JavaCall<?> call) ->
                    call.getTargetOwner().isAssignableTo(JsonNode.class)
                        && WITH_MAPPER.contains(call.getName())))
        .check(new ClassFileImporter().importPath(Path.of("target", "classes")));
  }
}
