/** Reads kernel files: ELF images and bzImages, whose payload is unpacked. */
package org.microvm.firmware.image;
