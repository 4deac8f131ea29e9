/**
 * The machines of this user that have names: their directories, the consoles that viewers attach
 * to, and machines in the background.
 */
package org.microvm.cli.named;
