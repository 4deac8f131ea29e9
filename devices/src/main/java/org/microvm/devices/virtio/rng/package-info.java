/** The entropy device (section 5.4): random bytes of the host for the guest's pool. */
package org.microvm.devices.virtio.rng;
