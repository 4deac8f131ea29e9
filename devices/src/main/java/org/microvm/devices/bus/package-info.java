/** Address decoding: which device answers at a port or a guest-physical address. */
package org.microvm.devices.bus;
