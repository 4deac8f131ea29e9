/** The vCPUs: their threads, what each exit asks for, and what they count. */
package org.microvm.machine.vcpu;
