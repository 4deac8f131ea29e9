/** The interfaces through which all devices reach the interrupt controller. */
package org.microvm.devices;
