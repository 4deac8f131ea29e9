/** The kernel's virtual machines: one class for each kind of descriptor that KVM has. */
package org.microvm.kvm;
