/**
 * Guest RAM page by page: which pages have something in them, which were written, and a file of
 * them.
 */
package org.microvm.machine.memory;
