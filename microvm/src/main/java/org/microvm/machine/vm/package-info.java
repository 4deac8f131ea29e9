/** A machine put together, and one life of its guest: the KVM objects on top of a board. */
package org.microvm.machine.vm;
