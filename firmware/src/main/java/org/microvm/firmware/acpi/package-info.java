/**
 * The ACPI tables of the machine, of the ACPI Specification 6.5, in its hardware-reduced variant
 * (section 4.1).
 *
 * <p>{@link org.microvm.firmware.acpi.AcpiHardware} says what the tables describe, and {@link
 * org.microvm.firmware.acpi.AcpiTables} builds them all. There is one class for each table. The
 * DSDT's byte code comes from {@link org.microvm.firmware.acpi.Aml}, whose functions are named
 * after the operators of ACPI's source language, so that {@link org.microvm.firmware.acpi.Dsdt}
 * reads like its disassembly. Nothing here uses lambdas or string formatting: each start of a guest
 * waits for these classes.
 */
package org.microvm.firmware.acpi;
