package org.microvm.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Marks a test that runs a VM: tagged {@code kvm}, and skipped with one printed line if {@code
 * /dev/kvm} cannot be opened. With {@code MICROVM_REQUIRE_KVM=1} in the environment that is an
 * error instead, so that a machine that should have KVM cannot pass without it.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Tag("kvm")
@ExtendWith(KvmCondition.class)
public @interface RequiresKvm {}
