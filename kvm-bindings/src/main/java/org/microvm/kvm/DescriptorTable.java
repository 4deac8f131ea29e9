package org.microvm.kvm;

/**
 * The contents of GDTR or IDTR (KVM API, struct kvm_dtable).
 *
 * @param base linear address of the table
 * @param limit size of the table in bytes minus one
 */
public record DescriptorTable(long base, int limit) {}
