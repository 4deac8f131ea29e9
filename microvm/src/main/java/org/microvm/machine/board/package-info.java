/** RAM, buses and devices with their event descriptors: what outlives a reset of the guest. */
package org.microvm.machine.board;
