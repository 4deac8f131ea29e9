package org.microvm.kvm;

/**
 * What GDTR or IDTR holds.
 *
 * @param base linear address of the table
 * @param limit its size in bytes less one
 */
public record DescriptorTable(long base, int limit) {}
