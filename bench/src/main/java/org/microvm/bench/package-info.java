/** Benchmarks that run whole machines; each prints what it measured and how. */
package org.microvm.bench;
