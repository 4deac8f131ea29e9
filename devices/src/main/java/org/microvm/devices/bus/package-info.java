/** Address decoding: finds the device at a port or a guest-physical address. */
package org.microvm.devices.bus;
