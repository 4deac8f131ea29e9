/** Microbenchmarks of the work for each descriptor chain, register access and exit. */
package org.microvm.jmh;
