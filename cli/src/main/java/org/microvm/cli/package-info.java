/**
 * The command line: parses the options, runs a machine, and returns a status that scripts can rely
 * on.
 */
package org.microvm.cli;
