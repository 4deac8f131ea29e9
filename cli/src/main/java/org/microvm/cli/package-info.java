/** The command line: words in, one machine out, and a status that scripts can rely on. */
package org.microvm.cli;
