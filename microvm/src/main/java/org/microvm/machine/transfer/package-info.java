/** The live migration protocol, and the side that sends the guest. */
package org.microvm.machine.transfer;
