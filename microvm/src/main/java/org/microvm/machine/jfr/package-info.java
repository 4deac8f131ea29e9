/** Events for the JVM's flight recorder. */
package org.microvm.machine.jfr;
