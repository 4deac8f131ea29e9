/** The entropy device (section 5.4): gives the guest random bytes from the host. */
package org.microvm.devices.virtio.rng;
