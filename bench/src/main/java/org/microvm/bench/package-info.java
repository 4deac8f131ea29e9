/** Benchmarks of whole machines; each prints its results and the conditions of the measurement. */
package org.microvm.bench;
