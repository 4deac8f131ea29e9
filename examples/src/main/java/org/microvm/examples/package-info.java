/** What channels are used for, each in one small program; {@code examples/README.md} tells more. */
package org.microvm.examples;
