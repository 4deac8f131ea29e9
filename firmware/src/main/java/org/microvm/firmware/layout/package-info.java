/** Where things are in guest memory when the guest starts. */
package org.microvm.firmware.layout;
