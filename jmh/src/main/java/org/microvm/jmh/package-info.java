/** Benchmarks of what happens for every chain and every register access. */
package org.microvm.jmh;
