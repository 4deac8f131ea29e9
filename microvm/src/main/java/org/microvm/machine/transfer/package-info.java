/** The way that a guest takes in a live migration: the protocol and the side that has the guest. */
package org.microvm.machine.transfer;
