/** A live migration as the host sees it: where to, within which limits, and how far it is. */
package org.microvm.machine.migration;
