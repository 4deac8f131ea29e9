/** The tables in low guest memory, each built as plain bytes by a pure function. */
package org.microvm.firmware.tables;
