/**
 * The format in which a machine's state is saved: the content of a snapshot's {@code state} file
 * and of the state in a migration.
 *
 * <p>All numbers are little-endian. A state is a header, sections in any order, and an end:
 *
 * <pre>
 * header   8 bytes "microvm" and a zero, u32 format version (1), u32 CRC-32C of these 12 bytes
 * section  u16 length of the name (1 to 64), name in ASCII, u16 version, u8 flags, u8 zero,
 *          u32 length of the payload, payload, u32 CRC-32C of all of the section before it
 * end      u16 zero, u32 number of sections, u32 CRC-32C of everything before it
 * </pre>
 *
 * <p>Flag bit 0 means that the section is required: a reader that does not know its name, or knows
 * only older versions of it, refuses the state. Without the bit such a section is skipped. No name
 * occurs twice, and nothing follows the end.
 *
 * <p>A payload is a sequence of fields without names, as {@link
 * org.microvm.devices.state.StateOutput} writes them. Fields are only ever appended, and the
 * section's version is raised with each; a reader knows every version up to its own.
 *
 * <p>A reader verifies all checksums before it returns the first section, so that nothing is
 * restored from a damaged state.
 */
package org.microvm.devices.state;
