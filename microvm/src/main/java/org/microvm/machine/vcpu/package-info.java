/** vCPU threads: KVM_RUN, the handling of exits, pauses, samples and counters. */
package org.microvm.machine.vcpu;
