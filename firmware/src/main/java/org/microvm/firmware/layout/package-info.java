/** Guest-physical addresses of what the boot loader writes. */
package org.microvm.firmware.layout;
