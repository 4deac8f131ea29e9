/**
 * The form in which a machine's state is saved: what a snapshot's {@code state} file holds and what
 * a migration sends.
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
 * <p>Flag bit 0 says that the section is required: a reader that does not know its name, or only
 * older versions of it, refuses the state. A section without it is skipped then. No name comes
 * twice, and nothing follows the end.
 *
 * <p>A payload is a sequence of fields without names, as {@link
 * org.microvm.devices.state.StateOutput} writes them. A field is only ever appended, together with
 * a higher version of the section; a reader knows every version up to its own.
 *
 * <p>A reader looks at all checksums before it gives out the first section, so that nothing is made
 * from a state that is damaged.
 */
package org.microvm.devices.state;
