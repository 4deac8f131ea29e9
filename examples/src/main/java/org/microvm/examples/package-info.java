/** Small example programs that use channels; see {@code examples/README.md}. */
package org.microvm.examples;
