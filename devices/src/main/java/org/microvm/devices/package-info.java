/** What all devices share: how they reach the interrupt controller. */
package org.microvm.devices;
