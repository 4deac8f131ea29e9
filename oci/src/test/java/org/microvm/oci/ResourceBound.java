package org.microvm.oci;

/**
 * What a process needs besides guest RAM, in the manifests: the Java heap of {@code bin/microvm},
 * what ports keep ({@code docs/resources.md}), and code, classes and stacks of the JVM.
 */
final class ResourceBound {
  private static final int HEAP_MIB = 256;
  private static final int KEPT_MIB = 192;
  private static final int JVM_MIB = 128;

  static final int BESIDE_GUEST_MIB = HEAP_MIB + KEPT_MIB + JVM_MIB;

  private ResourceBound() {}
}
