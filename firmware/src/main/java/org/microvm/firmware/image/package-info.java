/** Kernel files: ELF and bzImage, and the unpacking of a bzImage's payload. */
package org.microvm.firmware.image;
