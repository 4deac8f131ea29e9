/**
 * Guest RAM page by page: runs of non-zero pages, pages that were written, files with RAM in them.
 */
package org.microvm.machine.memory;
