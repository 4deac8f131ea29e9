/** Parameters and progress of a live migration. */
package org.microvm.machine.migration;
