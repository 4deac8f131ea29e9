/** RAM, buses and devices with their event descriptors. All of it outlives a reset of the guest. */
package org.microvm.machine.board;
