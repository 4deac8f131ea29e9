/** Conditions and resources of the host that the tests of all modules use. */
package org.microvm.testing;
