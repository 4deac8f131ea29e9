/** The tables in low guest memory; a pure function builds the bytes of each. */
package org.microvm.firmware.tables;
